"""The image cache: complete or absent, built once."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from halab.images.cache import ImageCache, ImageInfo, default_cache_dir
from halab.images.debian import DebianRecipe
from halab.provisioners.engine.errors import HalabError, UnexpectedOutput


def info_of(recipe: DebianRecipe) -> ImageInfo:
    return ImageInfo(
        suite=recipe.suite,
        recipe_hash=recipe.hash,
        kernel="6.12.1-amd64",
        cmdline="root=/dev/vda rw",
        cmdline_emulated="nokaslr",
        packages={"pcs": "0.12"},
        virtual_size_bytes=1,
    )


def counting(calls: list[str]) -> Callable[[DebianRecipe, Path], ImageInfo]:
    def build(recipe: DebianRecipe, directory: Path) -> ImageInfo:
        calls.append(recipe.hash)
        (directory / "disk.qcow2").write_text("disk")
        return info_of(recipe)

    return build


def test_an_image_is_built_once_and_then_found(tmp_path: Path) -> None:
    cache, recipe, calls = ImageCache(tmp_path / "new"), DebianRecipe(), list[str]()
    assert cache.find(recipe) is None
    built = cache.ensure(recipe, counting(calls))
    assert cache.ensure(recipe, counting(calls)) == built == cache.find(recipe)
    assert calls == [recipe.hash]
    assert built.directory == tmp_path / "new" / recipe.hash
    assert built.disk.read_text() == "disk"


def test_recipes_do_not_share_an_image(tmp_path: Path) -> None:
    cache, calls = ImageCache(tmp_path), list[str]()
    cache.ensure(DebianRecipe(), counting(calls))
    cache.ensure(DebianRecipe(suite="bookworm"), counting(calls))
    assert len(calls) == 2


@pytest.mark.parametrize("failure", [HalabError("no network"), KeyboardInterrupt()])
def test_an_interrupted_build_leaves_nothing_to_use(tmp_path: Path, failure: BaseException) -> None:
    cache, recipe = ImageCache(tmp_path), DebianRecipe()

    def build(_recipe: DebianRecipe, directory: Path) -> ImageInfo:
        (directory / "disk.qcow2").write_text("half")
        raise failure

    with pytest.raises(type(failure)):
        cache.ensure(recipe, build)
    assert cache.find(recipe) is None
    assert [path.name for path in tmp_path.iterdir()] == [f".{recipe.hash}.lock"]


def test_what_a_killed_build_left_is_cleared_away(tmp_path: Path) -> None:
    recipe = DebianRecipe()
    left = tmp_path / f".{recipe.hash}.unfinished"
    left.mkdir()
    (left / "disk.raw").write_text("half")
    image = ImageCache(tmp_path).ensure(recipe, counting([]))
    assert [path.name for path in sorted(image.directory.iterdir())] == ["disk.qcow2", "image.json"]
    assert not left.exists()


def test_who_wants_the_same_image_waits_for_the_first(tmp_path: Path) -> None:
    recipe, calls = DebianRecipe(), list[str]()
    started, release = threading.Event(), threading.Event()

    def slow(recipe: DebianRecipe, directory: Path) -> ImageInfo:
        started.set()
        assert release.wait(10)
        return counting(calls)(recipe, directory)

    first = threading.Thread(target=lambda: ImageCache(tmp_path).ensure(recipe, slow))
    first.start()
    assert started.wait(10)
    second = threading.Thread(target=lambda: ImageCache(tmp_path).ensure(recipe, counting(calls)))
    second.start()
    release.set()
    first.join(10)
    second.join(10)
    assert calls == [recipe.hash]


@pytest.mark.parametrize("text", ["", "{}", '{"suite": 1}', "[]"])
def test_a_damaged_image_is_named_with_its_remedy(tmp_path: Path, text: str) -> None:
    recipe = DebianRecipe()
    (tmp_path / recipe.hash).mkdir()
    (tmp_path / recipe.hash / "image.json").write_text(text)
    with pytest.raises(UnexpectedOutput, match="Remove that directory"):
        ImageCache(tmp_path).find(recipe)


def test_a_cache_that_cannot_be_made_names_its_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HalabError, match="HALAB_CACHE"):
        ImageCache(tmp_path / "file" / "images").ensure(DebianRecipe(), counting([]))


def test_the_default_place_can_be_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HALAB_CACHE", raising=False)
    assert default_cache_dir(tmp_path) == tmp_path / ".cache" / "images"
    monkeypatch.setenv("HALAB_CACHE", "/big")
    assert default_cache_dir(tmp_path) == Path("/big/images")


def test_who_waits_can_give_up(tmp_path: Path) -> None:
    recipe, started, release = DebianRecipe(), threading.Event(), threading.Event()

    def slow(recipe: DebianRecipe, _directory: Path) -> ImageInfo:
        started.set()
        assert release.wait(10)
        return info_of(recipe)

    def pause() -> None:
        raise HalabError("interrupted")

    first = threading.Thread(target=lambda: ImageCache(tmp_path).ensure(recipe, slow))
    first.start()
    assert started.wait(10)
    with pytest.raises(HalabError, match="interrupted"):
        ImageCache(tmp_path).ensure(recipe, counting([]), pause)
    release.set()
    first.join(10)
    ImageCache(tmp_path).ensure(recipe, counting([]), pause)


def test_an_image_can_be_removed(tmp_path: Path) -> None:
    cache, recipe = ImageCache(tmp_path), DebianRecipe()
    cache.ensure(recipe, counting([]))
    cache.remove(recipe.hash)
    cache.remove(recipe.hash)
    assert cache.find(recipe) is None
