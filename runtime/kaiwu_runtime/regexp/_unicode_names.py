r"""The Unicode classes that Go knows by name, ``\p{Greek}`` or ``\pL``."""

from __future__ import annotations

_CATEGORIES = (
    "C Cc Cf Cn Co Cs L LC Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm So Z Zl Zp Zs"
)
_ALIASES = (
    "Cased_Letter=LC Close_Punctuation=Pe Combining_Mark=M Connector_Punctuation=Pc Control=Cc Currency_Symbol=Sc "
    "Dash_Punctuation=Pd Decimal_Number=Nd Enclosing_Mark=Me Final_Punctuation=Pf Format=Cf Initial_Punctuation=Pi "
    "Letter=L Letter_Number=Nl Line_Separator=Zl Lowercase_Letter=Ll Mark=M Math_Symbol=Sm Modifier_Letter=Lm "
    "Modifier_Symbol=Sk Nonspacing_Mark=Mn Number=N Open_Punctuation=Ps Other=C Other_Letter=Lo Other_Number=No "
    "Other_Punctuation=Po Other_Symbol=So Paragraph_Separator=Zp Private_Use=Co Punctuation=P Separator=Z "
    "Space_Separator=Zs Spacing_Mark=Mc Surrogate=Cs Symbol=S Titlecase_Letter=Lt Unassigned=Cn Uppercase_Letter=Lu "
    "cntrl=Cc digit=Nd punct=P Any=Any Assigned=Assigned ASCII=ASCII LC=LC"
)
# Without the scripts of two words: since 1.25 Go compares names without underscores and no longer finds those.
_SCRIPTS = (
    "Adlam Ahom Arabic Armenian Avestan Balinese Bamum Batak Bengali Bhaiksuki Bopomofo Brahmi Braille Buginese "
    "Buhid Carian Chakma Cham Cherokee Chorasmian Common Coptic Cuneiform Cypriot Cyrillic Deseret Devanagari Dogra "
    "Duployan Elbasan Elymaic Ethiopic Georgian Glagolitic Gothic Grantha Greek Gujarati Gurmukhi Han Hangul "
    "Hanunoo Hatran Hebrew Hiragana Inherited Javanese Kaithi Kannada Katakana Kawi Kharoshthi Khmer Khojki "
    "Khudawadi Lao Latin Lepcha Limbu Lisu Lycian Lydian Mahajani Makasar Malayalam Mandaic Manichaean Marchen "
    "Medefaidrin Miao Modi Mongolian Mro Multani Myanmar Nabataean Nandinagari Newa Nko Nushu Ogham Oriya Osage "
    "Osmanya Palmyrene Phoenician Rejang Runic Samaritan Saurashtra Sharada Shavian Siddham Sinhala Sogdian Soyombo "
    "Sundanese Syriac Tagalog Tagbanwa Takri Tamil Tangsa Tangut Telugu Thaana Thai Tibetan Tifinagh Tirhuta Toto "
    "Ugaritic Vai Vithkuqi Wancho Yezidi Yi"
)


def _canonical(name: str) -> str:
    """Return a name as Go compares it: without case, underscores, spaces and hyphens.

    Only ASCII letters have a case here: Go does not take the Kelvin sign for a k.
    """
    lower = "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in name)
    return lower.translate({ord(c): None for c in "_- "})


_EXACT = {name: name for name in f"{_CATEGORIES} {_SCRIPTS} Any".split()}
# LC and Cn came with Go 1.25.
_SINCE_GO_1_25 = frozenset({"LC", "Cn"})
_LOOSE = {_canonical(name): name for name in _EXACT} | {
    _canonical(name): actual for name, _, actual in (pair.partition("=") for pair in _ALIASES.split())
}


def unicode_class(name: str) -> tuple[str, bool] | None:
    """Return the class that Go finds under a name, and whether only Go 1.25 and newer do; None if there is none."""
    if name in _EXACT:
        return _EXACT[name], name in _SINCE_GO_1_25
    found = _LOOSE.get(_canonical(name))
    return None if found is None else (found, True)
