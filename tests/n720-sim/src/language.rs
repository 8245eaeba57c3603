//! The wording of the web interface in the languages the simulated device has.
//!
//! Only words: no page is told from another by them.

/// Code and own name of every language on offer.
pub(crate) const LANGUAGES: [(u8, &str); 3] = [(1, "English"), (2, "Deutsch"), (9, "Français")];

/// Whether the device can switch to the language.
pub(crate) fn is_installed(code: u8) -> bool {
    LANGUAGES.iter().any(|(known, _)| *known == code)
}

/// All wording of one language.
#[derive(Debug)]
pub(crate) struct Words {
    pub(crate) login: &'static str,
    pub(crate) password: &'static str,
    pub(crate) language: &'static str,
    pub(crate) goodbye: &'static str,
    pub(crate) please_wait: &'static str,
    pub(crate) settings: &'static str,
    pub(crate) device: &'static str,
    pub(crate) ip_address: &'static str,
    pub(crate) mac_address: &'static str,
    pub(crate) mac_id: &'static str,
    pub(crate) device_name: &'static str,
    pub(crate) operating_days: &'static str,
    pub(crate) software: &'static str,
    pub(crate) current_version: &'static str,
    pub(crate) available_version: &'static str,
    pub(crate) patch: &'static str,
    pub(crate) preferred_base: &'static str,
    pub(crate) base_stations: &'static str,
    pub(crate) status: &'static str,
    pub(crate) cluster: &'static str,
    pub(crate) date_and_time: &'static str,
    pub(crate) time: &'static str,
    pub(crate) date: &'static str,
    pub(crate) last_synchronisation: &'static str,
    pub(crate) handsets: &'static str,
    pub(crate) user: &'static str,
    pub(crate) email: &'static str,
    pub(crate) mailbox: &'static str,
    pub(crate) edit: &'static str,
    pub(crate) no_accounts: &'static str,
    pub(crate) random_pin: &'static str,
    pub(crate) defined_pin: &'static str,
    pub(crate) device_type: &'static str,
    pub(crate) dect_user_id: &'static str,
    pub(crate) deregister: &'static str,
    pub(crate) delete_account: &'static str,
    pub(crate) save: &'static str,
    pub(crate) yes: &'static str,
    pub(crate) no: &'static str,
}

/// The words of a language; English for a code the device does not have.
pub(crate) fn words(code: u8) -> &'static Words {
    match code {
        2 => &GERMAN,
        9 => &FRENCH,
        _ => &ENGLISH,
    }
}

static ENGLISH: Words = Words {
    login: "Log in",
    password: "Password",
    language: "Language",
    goodbye: "You have been logged out",
    please_wait: "Please wait",
    settings: "Settings",
    device: "Device",
    ip_address: "IP address",
    mac_address: "MAC address",
    mac_id: "MAC-ID",
    device_name: "Device name",
    operating_days: "Operating days",
    software: "Firmware",
    current_version: "Current version",
    available_version: "Available version",
    patch: "Patch",
    preferred_base: "Preferred base station firmware",
    base_stations: "Base stations",
    status: "Status",
    cluster: "Cluster",
    date_and_time: "Date and time",
    time: "Time",
    date: "Date",
    last_synchronisation: "Last synchronisation with time server",
    handsets: "Handsets",
    user: "User",
    email: "E-mail",
    mailbox: "Mailbox",
    edit: "Edit",
    no_accounts: "No mobile devices have been set up",
    random_pin: "Random PIN",
    defined_pin: "Defined PIN",
    device_type: "Device type",
    dect_user_id: "DECT user ID",
    deregister: "Deregister mobile device for this SIP connection",
    delete_account: "Delete entire mobile device account",
    save: "Set",
    yes: "Yes",
    no: "No",
};

static GERMAN: Words = Words {
    login: "Anmelden",
    password: "Passwort",
    language: "Sprache",
    goodbye: "Sie sind abgemeldet",
    please_wait: "Bitte warten",
    settings: "Einstellungen",
    device: "Gerät",
    ip_address: "IP-Adresse",
    mac_address: "MAC-Adresse",
    mac_id: "MAC-ID",
    device_name: "Gerätename",
    operating_days: "Betriebstage",
    software: "Firmware",
    current_version: "Aktuelle Version",
    available_version: "Verfügbare Version",
    patch: "Patch",
    preferred_base: "Bevorzugte Firmware der Basisstationen",
    base_stations: "Basisstationen",
    status: "Status",
    cluster: "Cluster",
    date_and_time: "Datum und Uhrzeit",
    time: "Uhrzeit",
    date: "Datum",
    last_synchronisation: "Letzte Synchronisation mit dem Zeitserver",
    handsets: "Mobilteile",
    user: "Benutzer",
    email: "E-Mail",
    mailbox: "Anrufbeantworter",
    edit: "Bearbeiten",
    no_accounts: "Es sind keine Mobilteile eingerichtet",
    random_pin: "Zufällige PIN",
    defined_pin: "Festgelegte PIN",
    device_type: "Gerätetyp",
    dect_user_id: "DECT-Benutzer-ID",
    deregister: "Mobilteil für diese SIP-Verbindung abmelden",
    delete_account: "Gesamtes Mobilteilkonto löschen",
    save: "Sichern",
    yes: "Ja",
    no: "Nein",
};

static FRENCH: Words = Words {
    login: "Connexion",
    password: "Mot de passe",
    language: "Langue",
    goodbye: "Vous êtes déconnecté",
    please_wait: "Veuillez patienter",
    settings: "Réglages",
    device: "Appareil",
    ip_address: "Adresse IP",
    mac_address: "Adresse MAC",
    mac_id: "MAC-ID",
    device_name: "Nom de l'appareil",
    operating_days: "Jours de fonctionnement",
    software: "Micrologiciel",
    current_version: "Version actuelle",
    available_version: "Version disponible",
    patch: "Correctif",
    preferred_base: "Micrologiciel préféré des bases",
    base_stations: "Bases",
    status: "État",
    cluster: "Groupe",
    date_and_time: "Date et heure",
    time: "Heure",
    date: "Date",
    last_synchronisation: "Dernière synchronisation avec le serveur de temps",
    handsets: "Combinés",
    user: "Utilisateur",
    email: "Courriel",
    mailbox: "Messagerie",
    edit: "Modifier",
    no_accounts: "Aucun combiné n'est configuré",
    random_pin: "PIN aléatoire",
    defined_pin: "PIN défini",
    device_type: "Type d'appareil",
    dect_user_id: "ID utilisateur DECT",
    deregister: "Désinscrire le combiné de cette connexion SIP",
    delete_account: "Supprimer tout le compte du combiné",
    save: "Enregistrer",
    yes: "Oui",
    no: "Non",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_on_offer_has_words_of_its_own() {
        let logins: std::collections::BTreeSet<_> =
            LANGUAGES.iter().map(|(code, _)| words(*code).handsets).collect();
        assert_eq!(logins.len(), LANGUAGES.len());
        assert!(is_installed(2) && !is_installed(17));
    }
}
