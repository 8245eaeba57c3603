//! One change at a time, in every way that a slot can be written. Histories of random changes are in
//! `csv_slots/merge`.

use super::*;

const FILE: &str = "# Our site.
[site]
time_zone = \"Europe/Berlin\" # summer and winter

# The phones.
[[slot]]
number       = 1      # at the door
ipui         = \"02 B6 EC 8A A5\"
display_name = \"Reception\"
# Ask Karin before you change this.
sip          = { user = \"1013\", login = \"1013\", password = \"env:A\" } # PBX 2
mailbox      = \"*2\"

[[slot]]
number = 5
state  = \"absent\"  # sold
# Was the gate.

# Upstairs.
[[slot]]
number = 9
";

fn number(number: u8) -> SlotNumber {
    SlotNumber::new(number).unwrap()
}

/// The lines that a change takes out and puts in.
fn changed(before: &str, after: &str) -> (Vec<String>, Vec<String>) {
    let head = before.lines().zip(after.lines()).take_while(|(one, other)| one == other).count();
    let (old, new): (Vec<&str>, Vec<&str>) =
        (before.lines().skip(head).collect(), after.lines().skip(head).collect());
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(one, other)| one == other).count();
    let cut = |lines: &[&str]| lines[..lines.len() - tail].iter().map(|line| (*line).to_owned()).collect();
    (cut(&old), cut(&new))
}

fn sets(before: &str, slot: u8, field: Field, value: &str) -> (Vec<String>, Vec<String>) {
    changed(before, &set(before, number(slot), field, value).unwrap())
}

fn clears(before: &str, slot: u8, field: Field) -> (Vec<String>, Vec<String>) {
    changed(before, &clear(before, number(slot), field).unwrap())
}

fn lines(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

#[test]
fn a_value_is_changed_and_its_line_stays() {
    let old = "ipui         = \"02 B6 EC 8A A5\"";
    let new = "ipui         = \"02 9E 74 A5 99\"";
    assert_eq!(sets(FILE, 1, Field::Ipui, "02 9E 74 A5 99"), (lines(&[old]), lines(&[new])));
    let (_, new) = sets(FILE, 1, Field::Login, "x \\ y");
    assert_eq!(
        new,
        lines(&["sip          = { user = \"1013\", login = \"x \\\\ y\", password = \"env:A\" } # PBX 2"])
    );
    let (_, new) = sets(FILE, 5, Field::State, "present");
    assert_eq!(new, lines(&["state  = \"present\"  # sold"]));
}

#[test]
fn a_key_goes_where_it_belongs_and_looks_like_its_neighbours() {
    assert_eq!(sets(FILE, 1, Field::State, "present"), (lines(&[]), lines(&["state        = \"present\""])));
    let (_, new) = sets(FILE, 1, Field::Provider, "3");
    assert_eq!(
        new,
        lines(&[
            "sip          = { user = \"1013\", login = \"1013\", password = \"env:A\", provider = 3 } # PBX 2"
        ])
    );
    assert_eq!(sets(FILE, 9, Field::User, "1").1, lines(&["sip = { user = \"1\" }"]));
    assert_eq!(sets(FILE, 9, Field::Mailbox, "").1, lines(&["mailbox = \"\""]));
    let without = clear(FILE, number(1), Field::DisplayName).unwrap();
    assert_eq!(set(&without, number(1), Field::DisplayName, "Reception").unwrap(), FILE);
    let without = clear(FILE, number(1), Field::Mailbox).unwrap();
    assert_eq!(set(&without, number(1), Field::Mailbox, "*2").unwrap(), FILE);
    let without = clear(FILE, number(1), Field::User).unwrap();
    assert_eq!(set(&without, number(1), Field::User, "1013").unwrap(), FILE);
}

#[test]
fn a_key_is_taken_out_and_comments_stay() {
    assert_eq!(clears(FILE, 1, Field::Mailbox), (lines(&["mailbox      = \"*2\""]), lines(&[])));
    for (field, rest) in [
        (Field::User, "login = \"1013\", password = \"env:A\""),
        (Field::Login, "user = \"1013\", password = \"env:A\""),
        (Field::Password, "user = \"1013\", login = \"1013\""),
    ] {
        assert_eq!(clears(FILE, 1, field).1, lines(&[&format!("sip          = {{ {rest} }} # PBX 2")]));
    }
    assert_eq!(clear(FILE, number(1), Field::Provider).unwrap(), FILE, "it is not there");
    let bare = clear_account(FILE, number(1)).unwrap();
    assert!(bare.contains("# Ask Karin before you change this.\nmailbox"), "{bare}");
    assert_eq!(clear_account(&bare, number(1)).unwrap(), bare);
}

#[test]
fn an_account_may_be_a_table_of_its_own_or_dotted() {
    let headed = "[[slot]]\n  number = 1\n  [slot.sip]\n  # whose\n  user = '1' # a\n  provider = 1\n\n[x]\n";
    assert_eq!(sets(headed, 1, Field::Login, "2").1, lines(&["  login = '2'"]));
    assert_eq!(sets(headed, 1, Field::Mailbox, "2").1, lines(&["  mailbox = '2'"]));
    assert_eq!(clears(headed, 1, Field::User).0, lines(&["  user = '1' # a"]));
    assert_eq!(clear_account(headed, number(1)).unwrap(), "[[slot]]\n  number = 1\n  # whose\n\n[x]\n");
    let user_first =
        set(&clear(headed, number(1), Field::User).unwrap(), number(1), Field::User, "1").unwrap();
    assert!(user_first.contains("  [slot.sip]\n  user = \"1\"\n  # whose"), "{user_first}");

    let dotted = "[[slot]]\nnumber = 1\nsip.user = \"1\"\n# why\nsip.password = \"env:A\"";
    assert_eq!(sets(dotted, 1, Field::Login, "2").1, lines(&["sip.login = \"2\""]));
    let with_mailbox = set(dotted, number(1), Field::Mailbox, "2").unwrap();
    assert!(with_mailbox.ends_with("sip.password = \"env:A\"\nmailbox = \"2\""), "{with_mailbox}");
    assert_eq!(clear_account(dotted, number(1)).unwrap(), "[[slot]]\nnumber = 1\n# why\n");
}

#[test]
fn a_new_slot_goes_behind_the_next_smaller_one() {
    let values =
        |pairs: &[(Field, &str)]| pairs.iter().map(|(field, text)| (*field, (*text).to_owned())).collect();
    let full = values(&[
        (Field::DisplayName, "Gate"),
        (Field::User, "1"),
        (Field::Provider, "2"),
        (Field::Mailbox, "3"),
    ]);
    let after = add(FILE, number(7), &full).unwrap();
    let expected = [
        "[[slot]]",
        "number       = 7",
        "display_name = \"Gate\"",
        "sip          = { user = \"1\", provider = 2 }",
        "mailbox      = \"3\"",
        "",
    ];
    let (old, new) = changed(FILE, &after);
    assert!(old.is_empty(), "{old:?}");
    let sorted = |mut lines: Vec<String>| {
        lines.sort();
        lines
    };
    assert_eq!(sorted(new), sorted(lines(&expected)));
    let place = |text: &str| after.find(text).unwrap();
    assert!(
        place("# Was the gate.") < place("number       = 7")
            && place("number       = 7") < place("# Upstairs.")
    );
    let last = add(FILE, number(10), &BTreeMap::new()).unwrap();
    assert_eq!(last, format!("{FILE}\n[[slot]]\nnumber = 10\n"));
}

#[test]
fn a_new_slot_is_written_as_the_others_are() {
    let user = BTreeMap::from([(Field::User, "1".to_owned()), (Field::Mailbox, "*".to_owned())]);
    for (before, after) in [
        ("", "\n[[slot]]\nnumber  = 2\nsip     = { user = \"1\" }\nmailbox = \"*\"\n"),
        (
            "[[slot]]\nnumber=1\nipui='x'\nsip={user='0'}\n[[slot]]\nnumber=9\n",
            "[[slot]]\nnumber=1\nipui='x'\nsip={user='0'}\n[[slot]]\nnumber = 2\nsip = { user = '1' }\nmailbox = \
             '*'\n[[slot]]\nnumber=9\n",
        ),
        (
            "[[slot]]\r\n\tnumber = 1\r\n\t[slot.sip]\r\n\tuser = \"0\"",
            "[[slot]]\r\n\tnumber = 1\r\n\t[slot.sip]\r\n\tuser = \"0\"\r\n\r\n[[slot]]\r\n\tnumber = 2\r\n\tmailbox = \
             \"*\"\r\n[slot.sip]\r\n\tuser = \"1\"\r\n",
        ),
        (
            "[[slot]]\nnumber = 3\nsip.user = \"0\"\n",
            "[[slot]]\nnumber = 3\nsip.user = \"0\"\n\n[[slot]]\nnumber = 2\nsip.user = \"1\"\nmailbox = \"*\"\n",
        ),
    ] {
        assert_eq!(add(before, number(2), &user).unwrap(), after);
    }
}

#[test]
fn a_slot_that_is_not_listed_cannot_be_changed() {
    assert_eq!(set(FILE, number(2), Field::Ipui, "x"), Err(EditError::NoSuchSlot(number(2))));
    assert_eq!(clear(FILE, number(2), Field::Ipui), Err(EditError::NoSuchSlot(number(2))));
}
