//! The settings forms of the web interface as data: which fields, of which kind, with which values.
//!
//! A page is drawn from a [`Form`] and a post is applied by it; both in n720.md's way: each field only if it
//! is in the post.

use crate::config::DeviceConfig;
use std::collections::BTreeMap;

/// What a password field shows instead of its value.
pub(crate) const PLACEHOLDER: &str = "********";

/// How a field is written into its page.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Written by script; at most this many bytes.
    Text(usize),
    /// Written by script, showing a placeholder; takes effect only with the flag named.
    Password(&'static str),
    /// In the markup; the values it may take.
    Radio(&'static [&'static str]),
    /// In the markup; the values it may take.
    Select(&'static [&'static str]),
    /// In the markup; always shows this value and stores nothing.
    Hidden(&'static str),
}

/// One field of a form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
}

/// A page that is a form.
#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) path: &'static str,
    pub(crate) fields: &'static [Field],
}

const fn field(name: &'static str, kind: Kind) -> Field {
    Field { name, kind }
}

const ON_OFF: Kind = Kind::Radio(&["1", "0"]);

/// The value of the hidden `action` that starts nothing.
pub(crate) const QUIET_ACTION: &str = "5";

/// All forms the device has, except login and mobile devices.
pub(crate) const FORMS: &[Form] = &[
    Form {
        path: "/firmware_update.html",
        fields: &[
            field("data_server", Kind::Text(255)),
            field("configfile_url", Kind::Text(255)),
            field("automatic_update", ON_OFF),
            field("automatic_software_handset_update", ON_OFF),
            field("update_strategy", Kind::Select(&["0", "1", "2"])),
            field("timestamp", Kind::Hidden("")),
            field("storeTimeStamp", Kind::Hidden("0")),
            field("not_enable_buttons_after_reload", Kind::Hidden("0")),
            field("action", Kind::Hidden(QUIET_ACTION)),
        ],
    },
    Form {
        path: "/settings_management_miscellaneous.html",
        fields: &[
            field("led_signal", ON_OFF),
            field("autocode", Kind::Text(8)),
            field("web_password", Kind::Password("password_changed")),
            field("profile_update_auto", ON_OFF),
            field("profile_update_manual", Kind::Hidden("0")),
            field("go_profile", Kind::Hidden("0")),
            field("password_changed", Kind::Hidden("0")),
        ],
    },
    Form {
        path: "/settings_management_date_n_time.html",
        fields: &[
            field("automatic_time", ON_OFF),
            field("time_server", Kind::Text(74)),
            field("time_zone", Kind::Select(&["12", "13", "14", "15"])),
        ],
    },
    Form {
        path: "/settings_telephony_security.html",
        fields: &[
            field("http_digest_username", Kind::Text(74)),
            field("http_digest_password", Kind::Password("password_changed")),
            field("foreign_sub", ON_OFF),
            field("password_changed", Kind::Hidden("0")),
        ],
    },
    Form {
        path: "/settings_lan.html",
        fields: &[
            field("device_name", Kind::Text(30)),
            field("ip_type", Kind::Select(&["0", "1"])),
            field("dns_server", Kind::Text(15)),
        ],
    },
    Form { path: "/reboot.html", fields: &[field("do_reboot", Kind::Hidden("0"))] },
    Form {
        path: "/settings_management_save_and_restore.html",
        fields: &[field("save_restore_function", Kind::Hidden("0"))],
    },
    Form { path: "/backup_advice.html", fields: &[field("advice_shown", Kind::Hidden("1"))] },
];

/// The values behind the forms.
#[derive(Clone, Debug)]
pub(crate) struct Settings(BTreeMap<&'static str, String>);

impl Settings {
    pub(crate) fn of(config: &DeviceConfig) -> Self {
        let (user, password) = config.digest.clone().unwrap_or_default();
        let foreign = if config.accept_foreign_subnet { "1" } else { "0" };
        Self(BTreeMap::from([
            ("data_server", "update.example.com/n720".to_owned()),
            ("configfile_url", config.configfile_url.clone()),
            // Never set by anybody: the page shows both radios without a mark.
            ("automatic_update", String::new()),
            ("automatic_software_handset_update", "1".to_owned()),
            ("update_strategy", "1".to_owned()),
            ("led_signal", "1".to_owned()),
            ("autocode", String::new()),
            ("web_password", config.password.clone()),
            ("profile_update_auto", "1".to_owned()),
            ("automatic_time", "1".to_owned()),
            ("time_server", "europe.pool.ntp.org".to_owned()),
            ("time_zone", "13".to_owned()),
            ("http_digest_username", user),
            ("http_digest_password", password),
            ("foreign_sub", foreign.to_owned()),
            ("device_name", "N720 DM".to_owned()),
            ("ip_type", "1".to_owned()),
            ("dns_server", "192.168.001.001".to_owned()),
        ]))
    }

    /// The value of a field; empty if there is none.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// Sets a field that exists.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        if let Some(held) = self.0.get_mut(name) {
            value.clone_into(held);
        }
    }

    pub(crate) fn without_passwords(&self) -> BTreeMap<&'static str, String> {
        self.0.iter().filter(|(name, _)| !name.ends_with("password")).map(|(k, v)| (*k, v.clone())).collect()
    }
}

/// What a post changes on the form, as field and new value; a field that is missing, unchanged or not of its
/// kind changes nothing.
pub(crate) fn changes(
    form: &Form,
    settings: &Settings,
    posted: &crate::http::Form,
) -> Vec<(&'static str, String)> {
    let accepted = form.fields.iter().filter_map(|field| {
        let value = posted.get(field.name)?;
        let fits = match field.kind {
            Kind::Text(limit) => value.len() <= limit,
            Kind::Password(flag) => posted.get(flag) == Some("1") && value != PLACEHOLDER,
            Kind::Radio(values) | Kind::Select(values) => values.contains(&value),
            Kind::Hidden(_) => false,
        };
        (fits && settings.get(field.name) != value).then(|| (field.name, value.to_owned()))
    });
    accepted.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DeviceBuilder;

    fn settings() -> Settings {
        Settings::of(&DeviceBuilder::new("7C2F80CA21E4").unwrap().digest("u", "p").into_config())
    }

    fn posted(body: &str) -> crate::http::Form {
        crate::http::Form::parse(body)
    }

    fn form(path: &str) -> &'static Form {
        FORMS.iter().find(|form| form.path == path).unwrap()
    }

    #[test]
    fn only_what_is_posted_and_differs_changes() {
        let found = changes(
            form("/firmware_update.html"),
            &settings(),
            &posted("configfile_url=http%3A%2F%2Fa%2F&update_strategy=1&action=5&unknown=1"),
        );
        assert_eq!(found, [("configfile_url", "http://a/".to_owned())]);
    }

    #[test]
    fn values_beyond_a_limit_or_outside_of_the_options_are_dropped() {
        let long = "x".repeat(256);
        let body = format!("configfile_url={long}&automatic_update=2&update_strategy=7");
        assert!(changes(form("/firmware_update.html"), &settings(), &posted(&body)).is_empty());
    }

    #[test]
    fn a_password_needs_its_flag_and_is_never_its_placeholder() {
        let form = form("/settings_telephony_security.html");
        let change = |body| changes(form, &settings(), &posted(body)).len();
        assert_eq!(change("http_digest_password=new&password_changed=0"), 0);
        assert_eq!(change("http_digest_password=new"), 0);
        assert_eq!(change("http_digest_password=********&password_changed=1"), 0);
        assert_eq!(change("http_digest_password=new&password_changed=1"), 1);
    }

    #[test]
    fn every_field_that_is_stored_has_a_value_behind_it() {
        let settings = settings();
        for field in FORMS.iter().flat_map(|form| form.fields) {
            let stored = !matches!(field.kind, Kind::Hidden(_));
            assert_eq!(settings.0.contains_key(field.name), stored, "{}", field.name);
        }
        assert!(!settings.without_passwords().contains_key("http_digest_password"));
    }
}
