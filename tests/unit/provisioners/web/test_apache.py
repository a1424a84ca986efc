import subprocess
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from halab.provisioners.engine.errors import UnexpectedOutput
from halab.provisioners.engine.platform import DEBIAN_13, EL_9, Platform
from halab.provisioners.engine.steps import PutFile, Run
from halab.provisioners.web.apache import Site, SiteItem, absolute_path, parse_unit, render

WANTED = Site(machine="m", document_root="/srv/gfs0", server_name="www.summit.test", served_by="node1")
OFF = "UnitFileState=disabled\nActiveState=inactive\n"
ITEM = SiteItem()


@pytest.mark.parametrize(
    ("text", "unit", "default", "expected"),
    [
        (render(DEBIAN_13, WANTED), OFF, "", WANTED),
        ("# else\n", OFF, "", "/etc/apache2/conf-enabled/halab-site.conf was changed"),
        (render(DEBIAN_13, WANTED), OFF.replace("disabled", "enabled"), "", "apache2 is enabled, Pacemaker alone"),
        (render(DEBIAN_13, WANTED), OFF.replace("inactive", "active"), "", "apache2 is active outside the cluster"),
        (render(DEBIAN_13, WANTED), OFF, "there\n", "/etc/apache2/sites-enabled/000-default.conf is there"),
        (None, OFF, "there\n", None),
    ],
)
def test_observe(
    text: str | None,
    unit: str,
    default: str,
    expected: Any,
    guest_host: Callable[..., Any],
    told: Callable[..., str],
) -> None:
    host, _ = guest_host(told(text, unit, default))
    seen = ITEM.observe(host, WANTED)
    if isinstance(expected, str):
        assert seen is not None
        assert seen.condition.startswith(expected)
        assert replace(seen, condition=WANTED.condition) == WANTED
    else:
        assert seen == expected


@pytest.mark.parametrize(
    ("platform", "unit", "default"),
    [(DEBIAN_13, "apache2", "/etc/apache2/sites-enabled/000-default.conf"), (EL_9, "httpd", "")],
)
def test_steps(platform: Platform, unit: str, default: str) -> None:
    put, settle = ITEM.steps(platform, None, WANTED)
    assert put == PutFile(f"{platform.apache_conf_dir}/halab-site.conf", render(platform, WANTED))
    assert isinstance(settle, Run)
    assert settle.command.argv[4:] == (unit, platform.apache_binary, default, "/srv/gfs0")
    subprocess.run(["sh", "-n", "-c", settle.command.argv[2]], check=True)
    assert list(ITEM.steps(platform, WANTED, WANTED)) == []
    assert len(list(ITEM.steps(platform, replace(WANTED, condition="changed"), WANTED))) == 2
    assert len(list(ITEM.steps(platform, WANTED, None))) == 1


def test_render() -> None:
    text = render(DEBIAN_13, WANTED)
    assert 'DocumentRoot "/srv/gfs0"' in text
    assert 'Header always set X-Served-By "node1"' in text
    assert "Require local" in text
    assert "LoadModule headers_module /usr/lib/apache2/modules/mod_headers.so" in text
    assert "\nListen" not in text
    assert "\nListen 8080\n" in render(EL_9, replace(WANTED, port=8080))


def test_unit_that_says_too_little() -> None:
    with pytest.raises(UnexpectedOutput):
        parse_unit("ActiveState=active\n")


@pytest.mark.parametrize(("value", "good"), [("/srv/gfs0", True), ("srv", False), ('/a"b', False), ("/a b", False)])
def test_folder(value: str, good: bool) -> None:
    assert (absolute_path(value) is None) is good
