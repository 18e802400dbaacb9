import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.policy import MAX_BYTES, Policy, PolicyError, Step, Wish, read_policy

STEPS = st.lists(st.integers(1, 270), min_size=1, max_size=6, unique=True).map(
    lambda sizes: tuple(Step(size * 16, size * 16 + 64) for size in sorted(sizes, reverse=True))
)
WISHES = st.builds(
    Wish,
    rungs=st.one_of(st.none(), STEPS),
    max_rungs=st.one_of(st.none(), st.integers(1, 8)),
    crf=st.one_of(st.none(), st.integers(10, 45)),
    audio_kbps=st.one_of(st.none(), st.integers(32, 320)),
    sound_only=st.one_of(st.none(), st.booleans()),
    copy=st.one_of(st.none(), st.booleans()),
)


def test_an_empty_object_is_the_default() -> None:
    """Only what differs is written."""
    assert read_policy("{}") == Policy()
    assert read_policy(b'{"max_rungs": 2, "crf": 23}') == Policy(max_rungs=2, crf=23)
    assert read_policy('{"rungs":[{"height":720,"kbps":2000}],"codecs":["h264","av1"]}') == Policy(
        rungs=(Step(720, 2000),), codecs=("h264", "av1")
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "truncated"),
        ("[]", "Expected `object`"),
        ('{"max_rungs": 0}', r"`\$.max_rungs`"),
        ('{"max_rungs": 9}', r"`\$.max_rungs`"),
        ('{"rung": []}', "unknown field `rung`"),
        ('{"rungs": []}', r"`\$.rungs`"),
        ('{"rungs": [{"height": 8, "kbps": 100}]}', r"`\$.rungs\[0\].height`"),
        ('{"rungs": [{"height": 720, "kbps": 63}]}', r"`\$.rungs\[0\].kbps`"),
        ('{"rungs": [{"height": 720, "kbps": 100}, {"height": 720, "kbps": 90}]}', "best first"),
        ('{"rungs": [{"height": 720, "kbps": 100}, {"height": 360, "kbps": 100}]}', "best first"),
        ('{"codecs": ["av1"]}', "h264 once"),
        ('{"codecs": ["h264", "h264"]}', "h264 once"),
        ('{"codecs": ["h264", "vp9"]}', r"`\$.codecs\[1\]`"),
        ('{"crf": 23.5}', r"`\$.crf`"),
        ('{"preset_high": "placebo"}', r"`\$.preset_high`"),
        ("[" * 8_000, "Expected `object`"),
        (b"\xff\xfe", "malformed"),
        ('{"max_rungs": 2}' + " " * MAX_BYTES, "longer than"),
    ],
)
def test_a_faulty_text_is_refused_with_its_place(text: str | bytes, fault: str) -> None:
    """The message says where and what."""
    with pytest.raises(PolicyError, match=fault):
        read_policy(text)


def test_a_wish_narrows_the_sites_policy() -> None:
    """What is left out is the site's; presets and codecs are not a channel's business."""
    site = Policy(rungs=(Step(720, 2500), Step(360, 700)), max_rungs=3, audio_kbps=96, crf=21, preset_high="medium")
    assert Wish().narrow(site) == site
    wish = Wish.read(
        '{"rungs":[{"height":2160,"kbps":9000},{"height":1080,"kbps":6000},{"height":240,"kbps":300}],'
        '"max_rungs":8,"crf":30,"audio_kbps":320,"sound_only":true,"copy":false}'
    )
    narrowed = wish.narrow(site)
    assert narrowed.rungs == (Step(720, 2500), Step(240, 300))
    assert (narrowed.max_rungs, narrowed.audio_kbps, narrowed.crf, narrowed.preset_high) == (3, 96, 30, "medium")
    assert narrowed.sound_only
    assert not narrowed.copy
    assert not Wish(copy=True).narrow(Policy(copy=False)).copy
    assert Wish(sound_only=False).narrow(Policy(sound_only=True)).sound_only
    assert Wish(crf=18).narrow(Policy(crf=23)).crf == 23
    assert Wish(crf=28).narrow(Policy(crf=23)).crf == 28


def test_a_wish_is_refused_like_a_policy() -> None:
    """Unknown fields, and rows that do not fall."""
    with pytest.raises(PolicyError, match="unknown field `preset_high`"):
        Wish.read('{"preset_high":"medium"}')
    with pytest.raises(PolicyError, match="best first"):
        Wish.read('{"rungs":[{"height":360,"kbps":100},{"height":720,"kbps":200}]}')


@given(WISHES, STEPS)
def test_no_wish_exceeds_the_site(wish: Wish, steps: tuple[Step, ...]) -> None:
    """Whatever a channel asks for: not taller, not richer, not more, and still a ladder."""
    site = Policy(rungs=steps)
    narrowed = wish.narrow(site)
    assert narrowed.rungs[0].height <= site.rungs[0].height
    assert narrowed.rungs[0].kbps <= site.rungs[0].kbps
    assert narrowed.max_rungs <= site.max_rungs
    assert narrowed.audio_kbps <= site.audio_kbps
    Policy(rungs=narrowed.rungs)  # still falls
