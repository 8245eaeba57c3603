//! The keys that a `[[slot]]` can have, as columns of a table: their order, their headings and what else people call
//! them. Knows no values.

use super::super::tree::closest;

/// A key of a slot; those of its account without `sip.` in front.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// Which slot: the only column that has to be there.
    Number,
    /// `present` or `absent`.
    State,
    /// The handset.
    Ipui,
    /// The name on the display.
    DisplayName,
    /// The SIP user.
    User,
    /// The SIP login.
    Login,
    /// The reference to the SIP password.
    Password,
    /// The index of the provider.
    Provider,
    /// The name of the account on the web interface.
    AccountName,
    /// The network mailbox.
    Mailbox,
}

impl Field {
    /// All, in the order of the columns of an export.
    pub const ALL: [Self; 10] = [
        Self::Number,
        Self::State,
        Self::Ipui,
        Self::DisplayName,
        Self::User,
        Self::Login,
        Self::Password,
        Self::Provider,
        Self::AccountName,
        Self::Mailbox,
    ];

    /// The key in the site file, which is also the heading of the column.
    pub fn key(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::State => "state",
            Self::Ipui => "ipui",
            Self::DisplayName => "display_name",
            Self::User => "user",
            Self::Login => "login",
            Self::Password => "password",
            Self::Provider => "provider",
            Self::AccountName => "account_name",
            Self::Mailbox => "mailbox",
        }
    }

    /// Whether the key stands in the table `sip`.
    pub fn is_of_account(self) -> bool {
        match self {
            Self::User | Self::Login | Self::Password | Self::Provider | Self::AccountName => true,
            Self::Number | Self::State | Self::Ipui | Self::DisplayName | Self::Mailbox => false,
        }
    }

    /// Whether its value is written without quotes.
    pub fn is_number(self) -> bool {
        matches!(self, Self::Number | Self::Provider)
    }

    /// What else the column is called, as [`folded`] leaves it: by the device's web interface, by telephone systems, in
    /// German.
    fn other_names(self) -> &'static [&'static str] {
        match self {
            Self::Number => &["no", "nr", "nummer", "slot", "slotnumber", "slotnummer", "slotnr", "platz"],
            Self::State => &["status", "zustand"],
            Self::Ipui => &["handsetipui", "ipuihandset", "mobilteilipui"],
            Self::DisplayName => &["name", "anzeigename", "anzeige"],
            Self::User => &[
                "userid",
                "username",
                "sipuser",
                "extension",
                "ext",
                "nebenstelle",
                "durchwahl",
                "benutzer",
                "benutzername",
                "rufnummer",
            ],
            Self::Login => &[
                "loginname",
                "siplogin",
                "authname",
                "authuser",
                "authenticationname",
                "anmeldename",
                "authentifizierungsname",
            ],
            Self::Password => &[
                "sippassword",
                "secret",
                "authpassword",
                "authenticationpassword",
                "passwort",
                "kennwort",
                "authentifizierungspasswort",
            ],
            Self::Provider => &["providerindex", "sipprovider", "anbieter"],
            Self::AccountName => &["sipaccountname", "kontoname"],
            Self::Mailbox => &["networkmailbox", "voicemail", "netzanrufbeantworter", "anrufbeantworter"],
        }
    }

    /// The column that a heading stands for.
    pub(super) fn of_heading(heading: &str) -> Option<Self> {
        let name = folded(heading);
        Self::ALL
            .into_iter()
            .find(|field| name == folded(field.key()) || field.other_names().contains(&name.as_str()))
    }

    /// The column that was probably meant by an unknown heading.
    pub(super) fn closest_to(heading: &str) -> Option<Self> {
        let name = folded(heading);
        let names = Self::ALL
            .into_iter()
            .flat_map(|field| std::iter::once(field.key()).chain(field.other_names().iter().copied()));
        closest(&name, names).and_then(Self::of_heading)
    }
}

/// A heading without case, blanks, hyphens and what else people put between and around words.
fn folded(heading: &str) -> String {
    heading.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn headings_are_read_in_any_case_and_with_anything_between_the_words() {
        for (heading, field) in [
            ("number", Field::Number),
            (" Slot ", Field::Number),
            ("Nr.", Field::Number),
            ("IPUI", Field::Ipui),
            ("Display Name", Field::DisplayName),
            ("display-name", Field::DisplayName),
            ("Display\u{a0}Name", Field::DisplayName),
            ("Display\nName", Field::DisplayName),
            ("Anzeigename", Field::DisplayName),
            ("Nebenstelle", Field::User),
            ("\u{201e}Benutzer\u{201c}", Field::User),
            ("Kennwort", Field::Password),
            ("account_name", Field::AccountName),
            ("'state", Field::State),
        ] {
            assert_eq!(Field::of_heading(heading), Some(field), "{heading:?}");
        }
        for heading in ["", "-", "nam", "site", "registration"] {
            assert_eq!(Field::of_heading(heading), None, "{heading:?}");
        }
    }

    #[test]
    fn no_name_stands_for_two_columns() {
        let mut seen = BTreeSet::new();
        for field in Field::ALL {
            for name in
                std::iter::once(folded(field.key())).chain(field.other_names().iter().map(|n| folded(n)))
            {
                assert_eq!(Field::of_heading(&name), Some(field), "{name}");
                assert!(seen.insert(name.clone()), "{name}");
            }
        }
    }

    #[test]
    fn a_typo_is_told_with_the_column_probably_meant() {
        assert_eq!(Field::closest_to("dislpay_name"), Some(Field::DisplayName));
        assert_eq!(Field::closest_to("Pasword"), Some(Field::Password));
        assert_eq!(Field::closest_to("xyz"), None);
    }
}
