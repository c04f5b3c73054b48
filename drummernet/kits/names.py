"""The words in the name of a sound: what they mean, and how hard a stroke they tell of."""

import re
import unicodedata
from functools import cache

_VOCABULARY = {
    "kick": "kick kicks kik kck bd kd bombo",
    "bass": "bass basse",
    "drum": "drum drums trommel trommeln caisse tambor",
    "big": "gross grosse gran",
    "small": "klein kleine claire",
    "snare": "snare snares snr sn sd caja redoblante",
    "hat": "hat hats hh charleston charley",
    "closed": "closed close clsd cls cl geschlossen geschlossene ferme fermee cerrado cerrada",
    "open": "open opened opn op offen offene ouvert ouverte abierto abierta",
    "pedal": "pedal ped foot fuss pied pie chick",
    "half": "half semi halb loose sizzle swish free medio",
    "hat closed": "chh ch hhc",
    "hat open": "ohh oh hho",
    "hat pedal": "phh ph hhp hhf",
    "tom": "tom toms",
    "high": "hi high hoch hohe hohes aigu alto agudo",
    "mid": "mid middle mittel mittlere",
    "low": "lo low tief tiefe tiefes grave bajo",
    "floor": "floor flr stand",
    "tom high": "ht",
    "tom mid": "mt",
    "tom low": "lt",
    "tom floor": "ft",
    "ride": "ride rides rd",
    "bell": "bell cup kuppel",
    "crash": "crash crashes crsh cr",
    "splash": "splash splashes spl",
    "china": "china chinas chinese",
    "cymbal": "cymbal cymbals cym cy becken cymbale platillo platillos",
    "rim": "rim rims rimshot rimshots rs aro",
    "click": "click clicks",
    "stick": "stick sticks",
    "side": "side cross",
    "side stick": "crosstick xstick",
    "tambourine": "tambourine tambourines tambourin tamb tmb pandereta schellenkranz schellenring",
    "choked": "choke choked mute muted",
    "other": "clap claps shaker shakers maraca maracas cow conga congas bongo bongos perc percussion clave "
    "claves block woodblock triangle timbale timbales agogo cabasa guiro whistle snap snaps zap fx gong "
    "tabla taiko cajon",
    "phrase": "loop loops fill fills roll rolls groove grooves beat beats break breaks flam flams",
}
_STRENGTHS = (
    "pp ghost",
    "soft quiet light leise",
    "mp",
    "mf med medium normal",
    "hard loud laut forte",
    "ff",
)
_UNMARKED = 3
"""A sound that does not say how hard it was struck, among some that do, is of medium strength."""

SENSES = {word: set(senses.split()) for senses, words in _VOCABULARY.items() for word in words.split()}
"""What each known word means."""

_RANKS = {word: rank for rank, words in enumerate(_STRENGTHS) for word in words.split()}
_SHORT_IN_COMPOUNDS = {"hh", "bd", "sd", "hi", "lo", "op", "cl"}
_IN_COMPOUNDS = {word for word in {*SENSES, *_RANKS} if len(word) > 2} | _SHORT_IN_COMPOUNDS
_CHUNK = re.compile(r"[A-Z]*[a-z]+|[A-Z]+|\d+")
_VELOCITY = re.compile(r"(?<![a-z])(?:v|vel|velocity|layer)[ _-]?(\d{1,3})(?![a-z\d])")


def strength(name: str) -> tuple[str, int] | None:
    """Return how hard a sound was struck, as far as its name says so.

    Returns:
        ``("number", n)`` of a velocity or layer that is numbered, ``("word", rank)`` of *soft* and the like;
        greater is harder. None if nothing is said.
    """
    numbered = _VELOCITY.search(plain(name))
    if numbered:
        return "number", int(numbered[1])
    ranks = [_RANKS[word] for word in words_of(name) if word in _RANKS]
    return ("word", ranks[-1]) if ranks else None


def velocities(strengths: list[tuple[str, int] | None]) -> list[float] | None:
    """Return the hardest stroke in (0, 1] that each of a component's sounds is for; None if nobody can say.

    Numbers are relative to the greatest; words share the range evenly.
    """
    if {found[0] for found in strengths if found} == {"number"}:
        numbers = [found[1] if found else -1 for found in strengths]
        if min(numbers) < 0 or max(numbers) == 0:
            return None
        first = int(min(numbers) == 0)  # layers that are counted from 0
        return [(number + first) / (max(numbers) + first) for number in numbers]
    if any(found and found[0] == "number" for found in strengths):
        return None
    ranks = [found[1] if found else _UNMARKED for found in strengths]
    places = sorted(set(ranks))
    return [(places.index(rank) + 1) / len(places) for rank in ranks]


def words_of(name: str) -> list[str]:
    """Return the words of a name in lower case, compounds of known ones taken apart, without accents."""
    words: list[str] = []
    for chunk in _CHUNK.findall(_unaccented(name)):
        word = chunk.lower()
        words += [word] if word in SENSES or word in _RANKS else _parts(word) or [word]
    return words


def _unaccented(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name.replace("ß", "ss"))
    return "".join(sign for sign in decomposed if not unicodedata.combining(sign))


def plain(name: str) -> str:
    """Return a name in lower case, without accents."""
    return _unaccented(name).lower()


@cache
def _parts(word: str) -> list[str]:
    """Take a compound apart, the longest known word first; nothing if some of it is unknown."""
    if len(word) > 64:
        return []
    for length in range(len(word), 1, -1):
        head, rest = word[:length], word[length:]
        if head in _IN_COMPOUNDS:
            if not rest:
                return [head]
            if tail := _parts(rest):
                return [head, *tail]
    return []
