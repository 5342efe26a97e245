//! Characters that hide text from a reader, or change how other text looks, and the joiners among them that a script or
//! an emoji needs.

/// The ranges of hidden characters: the Unicode categories Cc (except for newline and tab), Cf, Zl, Zp and Co, and the
/// property Default_Ignorable_Code_Point (Unicode 17, except for U+FE0E and U+FE0F, which choose between the forms of
/// common emoji). Among them are ANSI's escape, bidirectional controls, zero-width and tag characters.
const HIDDEN: &[(char, char)] = &[
    ('\0', '\u{8}'),
    ('\u{b}', '\u{1f}'),
    ('\u{7f}', '\u{9f}'),
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{e000}', '\u{f8ff}'),
    ('\u{fdd0}', '\u{fdef}'),
    ('\u{fe00}', '\u{fe0d}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
    ('\u{f0000}', '\u{10ffff}'),
];

/// Scripts in which a joiner between two letters changes their form or their meaning: Arabic and its neighbours, the
/// scripts of South and South-East Asia, Tibetan and Mongolian.
const JOINED_SCRIPTS: &[(char, char)] = &[
    ('\u{620}', '\u{6ff}'),
    ('\u{700}', '\u{dff}'),
    ('\u{f00}', '\u{109f}'),
    ('\u{1700}', '\u{18af}'),
    ('\u{1900}', '\u{194f}'),
    ('\u{1a00}', '\u{1cff}'),
    ('\u{a800}', '\u{a9df}'),
    ('\u{aa00}', '\u{aaff}'),
    ('\u{abc0}', '\u{abff}'),
    ('\u{fb50}', '\u{fdcf}'),
    ('\u{fdf0}', '\u{fdff}'),
    ('\u{fe70}', '\u{fefc}'),
    ('\u{10a00}', '\u{10aff}'),
    ('\u{11000}', '\u{11fff}'),
    ('\u{1e900}', '\u{1e95f}'),
];

/// Signs that take the vowel from a letter. A joiner after one chooses the letter's form, even at the end of a word.
const VIRAMAS: &[char] = &[
    '\u{94d}', '\u{9cd}', '\u{a4d}', '\u{acd}', '\u{b4d}', '\u{bcd}', '\u{c4d}', '\u{ccd}',
    '\u{d4d}', '\u{dca}', '\u{f84}', '\u{1039}', '\u{17d2}', '\u{1b44}', '\u{a9c0}',
];

/// Pictographs, of which joiners make one emoji.
const PICTOGRAPHS: &[(char, char)] = &[
    ('\u{a9}', '\u{a9}'),
    ('\u{ae}', '\u{ae}'),
    ('\u{203c}', '\u{203c}'),
    ('\u{2049}', '\u{2049}'),
    ('\u{2122}', '\u{2122}'),
    ('\u{2139}', '\u{2139}'),
    ('\u{2190}', '\u{21ff}'),
    ('\u{2300}', '\u{23ff}'),
    ('\u{24c2}', '\u{24c2}'),
    ('\u{25a0}', '\u{27bf}'),
    ('\u{2900}', '\u{297f}'),
    ('\u{2b00}', '\u{2bff}'),
    ('\u{3030}', '\u{303d}'),
    ('\u{3297}', '\u{3299}'),
    ('\u{1f000}', '\u{1faff}'),
];

const ZERO_WIDTH_NON_JOINER: char = '\u{200c}';
const ZERO_WIDTH_JOINER: char = '\u{200d}';

/// Whether a character hides text or changes how other text looks, wherever it stands.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    // The last two code points of every plane are noncharacters.
    u32::from(c) & 0xfffe == 0xfffe || is_among(HIDDEN, c)
}

fn is_among(ranges: &[(char, char)], c: char) -> bool {
    let after = ranges.partition_point(|(_, last)| *last < c);
    ranges.get(after).is_some_and(|(first, _)| *first <= c)
}

/// The characters of a text up to one place, as far as they decide whether a joiner there has a use.
#[derive(Clone, Debug, Default)]
pub struct TextBefore(Option<char>);

impl TextBefore {
    /// Goes on behind a character that no joiner can belong to.
    pub fn skip(&mut self) {
        self.0 = None;
    }

    /// Goes on behind `c`, and tells whether it must be hidden. `next` is the character that follows it.
    pub fn hides(&mut self, c: char, next: Option<char>) -> bool {
        let is_joiner = matches!(c, ZERO_WIDTH_NON_JOINER | ZERO_WIDTH_JOINER);
        let hidden = is_hidden(c) && !(is_joiner && self.needs(c, next));
        match c {
            // The form of the emoji before.
            '\u{fe0e}' | '\u{fe0f}' => {}
            _ if hidden || is_joiner => self.0 = None,
            _ => self.0 = Some(c),
        }
        hidden
    }

    /// Whether a joiner here makes an emoji, or chooses the form of a letter.
    fn needs(&self, joiner: char, next: Option<char>) -> bool {
        let Some(before) = self.0 else { return false };
        let joins =
            |ranges| is_among(ranges, before) && next.is_some_and(|next| is_among(ranges, next));
        VIRAMAS.contains(&before)
            || joins(JOINED_SCRIPTS)
            || (joiner == ZERO_WIDTH_JOINER && joins(PICTOGRAPHS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text without what must be hidden in it.
    fn shown(text: &str) -> String {
        let mut before = TextBefore::default();
        let mut rest = text.chars();
        std::iter::from_fn(|| rest.next().map(|c| (c, rest.clone().next())))
            .filter(|(c, next)| !before.hides(*c, *next))
            .map(|(c, _)| c)
            .collect()
    }

    #[test]
    fn ranges_are_in_order() {
        for ranges in [HIDDEN, JOINED_SCRIPTS, PICTOGRAPHS] {
            assert!(ranges.iter().all(|(first, last)| first <= last));
            assert!(ranges.windows(2).all(|pair| pair[0].1 < pair[1].0));
        }
    }

    #[test]
    fn joiners_of_emoji_and_of_scripts_that_need_them_are_shown() {
        for text in [
            "👨‍👩‍👧‍👦",
            "🏳️‍🌈",
            "🏴‍☠️",
            "❤️‍🔥",
            "👩🏽‍💻",
            "🏃‍♂️",
            "🙂‍↔️",
            "🐈‍⬛",
            "🧑‍⚕️", // emoji
            "می‌خواهم",
            "خانه‌ها", // Persian
            "क्‍ष",
            "क्‌ष",
            "ශ්‍රී ලංකා",
            "ന്‍", // Devanagari, Sinhala, Malayalam
        ] {
            assert_eq!(shown(text), text);
        }
    }

    #[test]
    fn joiners_elsewhere_are_hidden() {
        for (text, expected) in [
            ("a\u{200d}b", "ab"),
            ("\u{200d}👩", "👩"),
            ("👩\u{200d}", "👩"),
            ("👩\u{200d}\u{200d}💻", "👩💻"),
            ("👩\u{200c}💻", "👩💻"),
            ("👩\u{200d}a", "👩a"),
            ("م\u{200c}\u{200c}خ", "مخ"),
            ("م\u{200c} ", "م "),
            ("日\u{200d}本", "日本"),
            ("م\u{202e}\u{200c}خ", "مخ"),
        ] {
            assert_eq!(shown(text), expected, "{text:?}");
        }
    }
}
