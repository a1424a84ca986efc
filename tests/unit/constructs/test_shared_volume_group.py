"""What is around the shared volume group on each node."""

from __future__ import annotations

from tests.unit.constructs.synthesized import synthesized


def test_an_emulated_node_gets_more_time_to_come_back_to_dlm() -> None:
    lab = synthesized()
    for node in ("node1", "node2", "node3"):
        conf = lab.by_address[f"halab_file.{node}_dlm"]
        assert conf["path"] == "/etc/dlm/dlm.conf"
        chosen = f'${{halab_machine.{node}.hypervisor_used == "kvm" ? 30 : 90}}'
        assert conf["content"] == f"post_join_delay={chosen}\n"
        waits = {one.removesuffix(".id") for one in lab.by_address["halab_clone.locking"]["depends_on"]}
        assert f"halab_file.{node}_dlm" in waits, "DLM reads it when it starts"
