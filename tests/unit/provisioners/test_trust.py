from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from halab.provisioners.platform import DEBIAN_13, EL_9, Platform
from halab.provisioners.trust import CaCertificate, CaCertificateItem

ITEM = CaCertificateItem()
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
CA = CaCertificate(machine="uuid", name="halab-lab", pem=PEM)


@pytest.mark.parametrize(
    ("answer", "seen"),
    [(PEM, CA), ((3, ""), None), ((4, ""), replace(CA, pem="")), ("other", replace(CA, pem="other"))],
)
def test_observe(guest_host: Callable[..., Any], answer: Any, seen: CaCertificate | None) -> None:
    host, guest = guest_host(answer)
    assert ITEM.observe(host, CA) == seen
    assert guest.asked[0].argv[-1] == "/usr/local/share/ca-certificates/halab-lab.crt"


@pytest.mark.parametrize(
    ("platform", "now", "wanted", "steps"),
    [
        (DEBIAN_13, CA, CA, []),
        (
            DEBIAN_13,
            None,
            CA,
            ["write /usr/local/share/ca-certificates/halab-lab.crt (mode 0644)", "add the certificate"],
        ),
        (
            DEBIAN_13,
            replace(CA, pem="old"),
            CA,
            ["write /usr/local/share/ca-certificates/halab-lab.crt (mode 0644)", "update-ca-certificates"],
        ),
        (
            EL_9,
            replace(CA, pem=""),
            CA,
            ["write /etc/pki/ca-trust/source/anchors/halab-lab.crt (mode 0644)", "update-ca-trust extract"],
        ),
        (
            DEBIAN_13,
            CA,
            None,
            ["rm -f -- /usr/local/share/ca-certificates/halab-lab.crt", "update-ca-certificates"],
        ),
        (DEBIAN_13, None, None, []),
    ],
)
def test_steps(platform: Platform, now: CaCertificate | None, wanted: CaCertificate | None, steps: list[str]) -> None:
    done = [str(step) for step in ITEM.steps(platform, now, wanted)]
    assert len(done) == len(steps)
    assert all(words in step for words, step in zip(steps, done, strict=True)), done


@pytest.mark.parametrize(
    "pem",
    ["", "MIIB", PEM + PEM, PEM + "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n"],
    ids=["empty", "no PEM", "two", "with a key"],
)
def test_what_is_no_certificate_is_refused(pem: str) -> None:
    assert CaCertificate.__dataclass_fields__["pem"].metadata["check"](pem) is not None
    assert CaCertificate.__dataclass_fields__["pem"].metadata["check"](PEM) is None
