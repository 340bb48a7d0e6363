"""NO_PROXY: the hosts that are reached directly."""

from __future__ import annotations


def bypassed(host: str, rules: str) -> bool:
    """True where `rules` (comma-separated names, .suffixes, addresses, networks or *) cover `host`.

    Loopback is always reached directly, as in Go.
    """
    import ipaddress

    name = host.lower().strip("[]")
    address = None
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        pass
    if name == "localhost" or (address is not None and address.is_loopback):
        return True
    for rule in (part.strip().lower() for part in rules.split(",")):
        if not rule:
            continue
        if rule == "*":
            return True
        if address is not None:
            try:
                if address in ipaddress.ip_network(rule, strict=False):
                    return True
            except ValueError:
                continue
        plain = rule.lstrip("*").lstrip(".")
        if name == plain and not rule.startswith("."):
            return True
        if name.endswith("." + plain):
            return True
    return False
