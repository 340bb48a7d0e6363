"""The quick reader agrees with the real YAML parser on all that it accepts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pyflux.kube.simpleyaml import parse

KIND = """\
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: LS0tLS1CRUdJTg==
    server: https://127.0.0.1:41235
  name: kind-a
contexts:
- context:
    cluster: kind-a
    namespace: apps
    user: kind-a
  name: kind-a
current-context: kind-a
kind: Config
preferences: {}
users:
- name: kind-a
  user:
    client-certificate-data: LS0t
    exec:
      apiVersion: client.authentication.k8s.io/v1
      args:
      - eks
      - get-token
      command: aws
      env: null
      interactiveMode: IfAvailable
      provideClusterInfo: false
"""


def real(text: str) -> object:
    return YAML(typ="safe").load(text)


def test_a_usual_kubeconfig_is_in_the_subset() -> None:
    assert parse(KIND) is not None
    assert parse(KIND) == real(KIND)


@pytest.mark.parametrize(
    "text",
    [
        "a: &x 1\nb: *x\n",
        "a: |\n  text\n",
        'a: "x\\ny"\n',
        "a: {b: 1}\n",
        "a: yes\n",
        "a: 0x10\n",
        "a: 1.5\n",
        "a: 2024-01-01\n",
        "a:\n  b: 1\n c: 2\n",
        "a: b: c\n",
        "a: 1 # note\n",
        "- - 1\n",
        "a: first\n  second\n",
        "---\na: 1\n---\nb: 2\n",
    ],
)
def test_what_is_beyond_the_subset_is_left_to_the_real_parser(text: str) -> None:
    value = parse(text)
    assert value is None or value == real(text)


@given(st.text(alphabet=st.sampled_from(list("ab1:- \n#'\"{}[]&*|>0x.%,")), max_size=40))
def test_never_a_different_answer(text: str) -> None:
    value = parse(text)
    if value is None:
        return
    try:
        expected = real(text)
    except (YAMLError, ValueError):
        # being more lenient than the parser is harmless; a different value is not
        return
    assert value == expected
