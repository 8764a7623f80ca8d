//! Why something was skipped, deferred, cancelled or handed to a person: each code with its sentence.
//!
//! The codes stand in the journal, in messages, tasks and tests; the sentences are what `ringback explain`
//! prints. This is the only list of either.

use std::borrow::Cow;

use crate::phone::Untextable;

/// One reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each has its sentence below")]
pub enum Why {
    Absorbed,
    Answered,
    ByHand,
    CallInProgress,
    CalledBack,
    Capped,
    Disabled,
    Erased,
    Foreign,
    GatewayFailed,
    GatewayUnknown,
    Invalid,
    MissedAgain,
    NoConsent,
    NoCountry,
    NoLine,
    NoNumber,
    NoSender,
    NoSequence,
    NoSignOff,
    NotTextable,
    OptedOut,
    Overload,
    OwnNumber,
    Premium,
    ProfileUnverified,
    Quiet,
    Reached,
    Stale,
    TemplateError,
    TollFree,
    UncertainCall,
    Withheld,
}

impl Why {
    /// The code, as records carry it.
    pub fn code(self) -> &'static str {
        self.row().0
    }

    /// The sentence people read.
    pub fn sentence(self) -> &'static str {
        self.row().1
    }

    /// The reason of a code; none for what isn't one.
    pub fn from_code(code: &str) -> Option<Why> {
        Why::ALL.into_iter().find(|why| why.code() == code)
    }

    fn row(self) -> (&'static str, &'static str) {
        match self {
            Why::Absorbed => ("absorbed", "This number's case is already open and was already followed up."),
            Why::Answered => ("answered", "The caller called again and was answered."),
            Why::ByHand => ("by_hand", "Somebody at the office cancelled it."),
            Why::CallInProgress => (
                "call_in_progress",
                "A call with this number was ringing or up; it was decided anew at its end.",
            ),
            Why::CalledBack => ("called_back", "Somebody called this number back and it was answered."),
            Why::Capped => ("capped", "This number already got as many texts as caps.per_number allows."),
            Why::Disabled => ("disabled", "The step is switched off (enabled = false)."),
            Why::Erased => ("erased", "The caller's number was erased by an operator."),
            Why::Foreign => ("foreign", "The number isn't of the site's country."),
            Why::GatewayFailed => ("gateway_failed", "The gateway did not deliver the text."),
            Why::GatewayUnknown => {
                ("gateway_unknown", "The gateway's answer was lost; the text may or may not have left.")
            }
            Why::Invalid => ("invalid", "No such number can exist."),
            Why::MissedAgain => ("missed_again", "A later missed call of this number opened a new case."),
            Why::NoConsent => ("no_consent", "The policy lets a call permit no text (consent.inbound_call)."),
            Why::NoCountry => ("no_country", "The site names no country, so nobody is texted."),
            Why::NoLine => ("no_line", "The number called belongs to no configured line."),
            Why::NoNumber => ("no_number", "The caller sent no number that can be called from anywhere."),
            Why::NoSender => ("no_sender", "The line has no gateway to send texts from (sms_from)."),
            Why::NoSequence => ("no_sequence", "No sequence is for this class of caller at this hour."),
            Why::NoSignOff => ("no_sign_off", "Nobody has signed the consent policy off (consent.sign_off)."),
            Why::NotTextable => ("not_textable", "The number isn't known to take texts."),
            Why::OptedOut => ("opted_out", "This number asked for no more texts."),
            Why::Overload => ("overload", "More cases were open than can be kept; the oldest was closed."),
            Why::OwnNumber => ("own_number", "The caller's number is one of the business's own."),
            Why::Premium => ("premium", "A text to this number may cost a premium."),
            Why::ProfileUnverified => (
                "profile_unverified",
                "What decides here rests on unverified keys of the PBX's profile; `ringback check` names them.",
            ),
            Why::Quiet => ("quiet", "Nothing happened with this number for 24 hours."),
            Why::Reached => ("reached", "The caller was spoken with for a minute or more."),
            Why::Stale => ("stale", "The text was overdue by more than its step allows."),
            Why::TemplateError => {
                ("template_error", "A variable of the template has no value and no fallback here.")
            }
            Why::TollFree => ("toll_free", "A toll-free number called: a business, rarely a person."),
            Why::UncertainCall => {
                ("uncertain_call", "What happened to the call isn't sure enough to act on; a person decides.")
            }
            Why::Withheld => ("withheld", "The caller withheld the number; nobody is contacted."),
        }
    }

    /// Every reason, in the order of the codes.
    pub const ALL: [Why; 33] = [
        Why::Absorbed,
        Why::Answered,
        Why::ByHand,
        Why::CallInProgress,
        Why::CalledBack,
        Why::Capped,
        Why::Disabled,
        Why::Erased,
        Why::Foreign,
        Why::GatewayFailed,
        Why::GatewayUnknown,
        Why::Invalid,
        Why::MissedAgain,
        Why::NoConsent,
        Why::NoCountry,
        Why::NoLine,
        Why::NoNumber,
        Why::NoSender,
        Why::NoSequence,
        Why::NoSignOff,
        Why::NotTextable,
        Why::OptedOut,
        Why::Overload,
        Why::OwnNumber,
        Why::Premium,
        Why::ProfileUnverified,
        Why::Quiet,
        Why::Reached,
        Why::Stale,
        Why::TemplateError,
        Why::TollFree,
        Why::UncertainCall,
        Why::Withheld,
    ];
}

impl From<Why> for Cow<'static, str> {
    fn from(why: Why) -> Cow<'static, str> {
        Cow::Borrowed(why.code())
    }
}

impl From<Untextable> for Why {
    fn from(reason: Untextable) -> Why {
        match reason {
            Untextable::TollFree => Why::TollFree,
            Untextable::Premium => Why::Premium,
            Untextable::Foreign => Why::Foreign,
            Untextable::Invalid => Why::Invalid,
            Untextable::NotTextable => Why::NotTextable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_leads_back_to_its_reason() {
        for why in Why::ALL {
            assert_eq!(Why::from_code(why.code()), Some(why));
            assert!(why.code().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{}", why.code());
            assert!(why.sentence().ends_with('.'), "{}", why.code());
        }
        assert_eq!(Why::from_code("nonsense"), None);
    }

    #[test]
    fn the_list_is_sorted_and_holds_each_reason_once() {
        assert!(Why::ALL.windows(2).all(|pair| pair[0] < pair[1] && pair[0].code() < pair[1].code()));
        assert_eq!(Why::ALL.last(), Some(&Why::Withheld));
        assert_eq!(Why::Withheld as usize + 1, Why::ALL.len());
    }
}
