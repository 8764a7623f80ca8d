//! Whether a reply says that no more texts are wanted: the words that carriers, gateways and 47 CFR 64.1200(a)(10) know.
//!
//! A reply that is such a word, whatever stands around its letters, opts out. What else may mean it is a person's to judge.

/// Whether all that a reply says is that texts are to stop.
pub fn opts_out(body: &str) -> bool {
    let mut letters = String::with_capacity(LONGEST);
    for letter in body.chars().filter(|letter| letter.is_alphanumeric()) {
        if letters.len() >= LONGEST {
            return false;
        }
        letters.extend(letter.to_uppercase());
    }
    WORDS.contains(&letters.as_str())
}

/// Twilio's and Telnyx's defaults, AWS's, and those of the rule, without blanks and hyphens.
const WORDS: [&str; 11] = [
    "STOP",
    "STOPALL",
    "UNSUBSCRIBE",
    "CANCEL",
    "END",
    "QUIT",
    "REVOKE",
    "OPTOUT",
    "REMOVE",
    "ARRET",
    "ARRÊT",
];

const LONGEST: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_alone_opts_out_however_it_is_written() {
        for body in [
            "STOP",
            "stop",
            " Stop. ",
            "\"STOP\"",
            "S T O P",
            "Stop all",
            "STOPALL",
            "unsubscribe",
            "Cancel!",
            "end",
            "QUIT",
            "opt-out",
            "Opt out",
            "revoke",
            "arrêt",
            "\u{feff}stop\r\n",
        ] {
            assert!(opts_out(body), "{body}");
        }
    }

    #[test]
    fn a_sentence_is_left_to_people() {
        for body in [
            "",
            "please stop by at noon",
            "I want to cancel my policy",
            "weekend",
            "stop it now",
            "STOP STOP",
            "👎",
        ] {
            assert!(!opts_out(body), "{body}");
        }
        assert!(!opts_out(&"stop".repeat(1 << 16)));
    }
}
