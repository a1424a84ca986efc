"""Which image the settings ask for."""

from halab.cli.image import image_arguments
from halab.constructs.settings import load


def test_image_arguments_follow_the_settings() -> None:
    settings = load({"image": {"extra_packages": ["vim", "jq"]}}, {"HALAB_IMAGE_SUITE": "bookworm"})
    assert image_arguments(settings) == ["build", "--suite", "bookworm", "--extra-packages", "vim,jq"]
