import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from halab.provisioners.engine.command import script
from halab.provisioners.engine.platform import DEBIAN_13, EL_9, Platform
from halab.provisioners.host.trust import _PROBE, CaCertificate, CaCertificateItem

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
    store = "/etc/ssl/certs/ca-certificates.crt"
    assert guest.asked[0].argv[-2:] == ("/usr/local/share/ca-certificates/halab-lab.crt", store)


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
            EL_9,
            CA,
            None,
            ["halab /etc/pki/ca-trust/source/anchors/halab-lab.crt", "halab update-ca-trust extract"],
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


def run(store: Path, text: str | None, *args: Path) -> None:
    assert text is not None
    command = script(text.replace("/etc/ssl/certs", str(store)), *map(str, args))
    subprocess.run(command.argv, check=True)


def seen(file: Path, store: Path) -> tuple[int, str]:
    done = subprocess.run(script(_PROBE, str(file), str(store)).argv, check=False, capture_output=True, text=True)
    return done.returncode, done.stdout


def test_a_certificate_is_added_to_a_real_store_and_taken_out_again(tmp_path: Path) -> None:
    store, bundle = tmp_path / "certs", tmp_path / "certs" / "ca-certificates.crt"
    store.mkdir()
    files = [tmp_path / f"halab-{name}.crt" for name in ("one", "two")]
    for file in files:
        subject = ["-subj", "/CN=the same", "-keyout", str(tmp_path / "key"), "-out", str(file)]
        make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        subprocess.run([*make, *subject], check=True, capture_output=True)
    before = "# a comment\n" + PEM
    bundle.write_text(before)
    texts = [file.read_text() for file in files]
    run(store, DEBIAN_13.ca_trust_add, files[0])
    run(store, DEBIAN_13.ca_trust_add, files[1])
    assert bundle.read_text() == before + texts[0] + texts[1]
    assert len([link for link in store.iterdir() if link.is_symlink()]) == 4
    assert [seen(file, bundle) for file in files] == [(0, text) for text in texts]
    run(store, DEBIAN_13.ca_trust_drop, files[0])
    assert bundle.read_text() == before + texts[1]
    assert seen(files[0], bundle) == (3, "")
    files[0].write_text(texts[0])
    assert seen(files[0], bundle) == (4, ""), "the store does not have it"
    files[0].unlink()
    assert sorted(link.resolve() for link in store.iterdir() if link.is_symlink()) == [files[1], files[1]]
    assert not files[0].exists()
    run(store, DEBIAN_13.ca_trust_drop, files[1])
    assert bundle.read_text() == before
    assert list(store.iterdir()) == [bundle]
