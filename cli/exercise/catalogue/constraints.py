"""Constraints that are left over, reversed or gone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from xml.etree.ElementTree import Element

from halab.cli.drill.declaration import ACTIVE, GFS2
from halab.cli.exercise.declaration import Configured, Exercise, Healthy, Step, Survives
from halab.cli.exercise.meaning import Order, colocations, orders, preferences
from halab.provisioners.pacemaker.primitives import META, options
from halab.provisioners.pacemaker.values import INFINITY, score

_WAIT = "crm_resource --wait --timeout=240s"
_SITE, _FS, _LOCKING = "{lab}-site", "{lab}-{fs}-clone", "{lab}-locking-clone"
_TOGETHER = f"//rsc_colocation[@rsc='{_SITE}'][@with-rsc='{_FS}']"
_IN_ORDER = f"//rsc_order[@first='{_LOCKING}'][@then='{_FS}']"


def _constraint(xml: str) -> str:
    return f'cibadmin --create --scope constraints --xml-text "{xml}"'


def _site(cib: Element, cast: Mapping[str, str]) -> list[str]:
    """The names of the site: the group's, and those of its members in their order."""
    name = f"{cast['lab']}-site"
    return [name, *(one.get("id", "") for one in cib.iterfind(f".//group[@id='{name}']/primitive"))]


def _liked(cib: Element, cast: Mapping[str, str]) -> list[int]:
    """How much the site likes or avoids nodes, by whichever constraint."""
    site = _site(cib, cast)
    return [one.score for one in preferences(cib, datetime.now(UTC)) if one.resource in site]


def _stays(cib: Element, cast: Mapping[str, str]) -> bool:
    """Nothing draws the site to a node, or from one, more than it sticks to where it is."""
    group = cib.find(f".//group[@id='{cast['lab']}-site']")
    stickiness = 0 if group is None else score(options(group, META).get("resource-stickiness", "")) or 0
    return all(abs(points) <= min(stickiness, INFINITY - 1) for points in _liked(cib, cast))


def _may_run_anywhere(cib: Element, cast: Mapping[str, str]) -> bool:
    return all(points > -INFINITY for points in _liked(cib, cast))


def _follows(cib: Element, cast: Mapping[str, str]) -> bool:
    """The site has to run where the file system is, and the file system does not look where the site is.

    A site whose first member has to is one: the others follow that. Even by a weak wish the file system must not look:
    Pacemaker cuts such a circle at either end.
    """
    site, fs = _site(cib, cast), f"{cast['lab']}-{cast['fs']}-clone"
    found = list(colocations(cib))
    must = any(
        one.resource in site[:2] and one.with_resource == fs and one.score >= INFINITY and one.started for one in found
    )
    return must and not any(one.resource == fs and one.with_resource in site and one.score for one in found)


def _locks_first(cib: Element, cast: Mapping[str, str]) -> bool:
    """The lock managers start before the file system, always, and stop after it: to unmount takes locks, too."""
    locking, fs = f"{cast['lab']}-locking-clone", f"{cast['lab']}-{cast['fs']}-clone"
    return {Order("start", locking, "start", fs), Order("stop", fs, "stop", locking)} <= set(orders(cib))


EXERCISES = (
    Exercise(
        "stale-preference",
        level=1,
        symptom="The site should stay where it is. But whenever {idle} comes back after an update, the site goes "
        "there: two interruptions for one update.",
        breaks=(
            Step(
                ACTIVE,
                f"crm_resource --resource {_SITE} --move --node {{idle}}; {_WAIT}",
            ),
        ),
        broken=Step(ACTIVE, f"cibadmin --query --xpath \"//rsc_location[@id='cli-prefer-{_SITE}']\" > /dev/null"),
        hints=(
            "Somebody has moved the site by hand. Where does Pacemaker write such a wish down?",
            "`crm_resource --constraints --resource {lab}-site` or `pcs constraint --full` show it; look at ids that "
            "begin with cli-.",
        ),
        solution=(Step(ACTIVE, f"crm_resource --resource {_SITE} --clear"),),
        checks=(
            Healthy(20),
            Configured(50, "the site still prefers a node, whatever its stickiness", _stays),
            Survives(30, "apache-killed"),
        ),
    ),
    Exercise(
        "nowhere-to-go",
        level=1,
        symptom="{active} crashed at night. It was fenced, and two healthy nodes were there, but the site was away "
        "until {active} had booted again.",
        breaks=(
            Step(
                ACTIVE,
                'for node in $(crm_node --list | cut -d" " -f2); do\n'
                f'  [ "$node" = {{active}} ] || crm_resource --resource {_SITE} --ban --node "$node"\ndone',
            ),
        ),
        broken=Step(
            ACTIVE, f"cibadmin --query --xpath \"//rsc_location[@id='cli-ban-{_SITE}-on-{{idle}}']\" > /dev/null"
        ),
        hints=(
            "Ask the cluster where the site may run: `crm_resource --constraints --resource {lab}-site`.",
            "A ban (`crm_resource --ban`, `pcs resource ban`) is a constraint with -INFINITY, and stays until it is "
            "cleared.",
        ),
        solution=(Step(ACTIVE, f"crm_resource --resource {_SITE} --clear"),),
        checks=(
            Healthy(20),
            Configured(40, "there are nodes on which the site may not run", _may_run_anywhere),
            Survives(40, "crash-active"),
        ),
    ),
    Exercise(
        "reversed-colocation",
        level=2,
        symptom="Since the constraints were tidied up, the shared file system is mounted on one node alone: on that "
        "which serves the site. A failover takes longer than before.",
        breaks=(
            Step(
                ACTIVE,
                f'cibadmin --delete --xpath "{_TOGETHER}"\n'
                + _constraint(f"<rsc_colocation id='tidy-site' rsc='{_FS}' with-rsc='{_SITE}' score='INFINITY'/>")
                + f"\n{_WAIT}",
            ),
        ),
        broken=Step(ACTIVE, '[ "$(crm_resource --locate --resource {lab}-{fs} --quiet | sort -u | wc -l)" = 1 ]'),
        hints=(
            "A colocation has a direction: `rsc` goes where `with-rsc` already is.",
            "Look at `pcs constraint colocation` or `cibadmin --query --scope constraints`: which of the two depends "
            "on the other?",
        ),
        solution=(
            Step(
                ACTIVE,
                "cibadmin --delete --xpath \"//rsc_colocation[@id='tidy-site']\"\n"
                + _constraint(
                    f"<rsc_colocation id='colocation-{_SITE}-{_FS}-INFINITY' rsc='{_SITE}' with-rsc='{_FS}'"
                    " score='INFINITY'/>"
                )
                + f"\n{_WAIT}",
            ),
        ),
        checks=(
            Healthy(30),
            Configured(40, "the file system depends on the site, or the site not on the file system", _follows),
            Survives(30, "apache-killed"),
        ),
        needs=frozenset({GFS2}),
    ),
    Exercise(
        "missing-order",
        level=3,
        symptom="All is well, until a node boots: then its shared volume cannot be activated, and the file system is "
        "not mounted there. A cleanup mends it, each time.",
        breaks=(Step(ACTIVE, f'cibadmin --delete --xpath "{_IN_ORDER}"'),),
        broken=Step(ACTIVE, '! cibadmin --query --scope constraints | grep -q "first=.{lab}-locking-clone"'),
        hints=(
            "What has to run on a node before a shared volume can be activated there?",
            "Pacemaker starts what has no order between it at the same time. `pcs constraint order` shows those that "
            "there are; DLM and lvmlockd are in {lab}-locking-clone.",
        ),
        solution=(
            Step(
                ACTIVE,
                _constraint(
                    f"<rsc_order id='order-{_LOCKING}-{_FS}-mandatory' first='{_LOCKING}' then='{_FS}'"
                    " kind='Mandatory'/>"
                ),
            ),
        ),
        checks=(
            Healthy(20),
            Configured(
                40,
                "nothing says that the lock managers start before the file system, always, and stop after it",
                _locks_first,
            ),
            Survives(40, "reboot-idle"),
        ),
        needs=frozenset({GFS2}),
    ),
)
