//! What a source says of one handset in one slot, and which of these sayings cannot both be true. No pages, no verdicts.

/// What a source says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Claim {
    /// The handset is registered in the slot.
    Here,
    /// It is registered in another slot.
    Elsewhere,
    /// Another handset is registered in the slot.
    Another,
    /// A handset is registered in the slot; which, is not told.
    Somebody,
    /// The handset is reserved, and registered in no slot.
    Pending,
    /// No handset is registered in the slot.
    Nobody,
    /// Nor is the slot reserved for this handset.
    Unreserved,
    /// Nothing that could be held against anything.
    Untold,
}

/// What a claim comes to for the handset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sign {
    /// It is registered in its slot.
    Registered,
    /// It is reserved, and registered nowhere.
    Pending,
    /// It is not registered in its slot, and not pending.
    NotHere,
    /// Something was seen, but not what became of this handset.
    Undecided,
}

impl Claim {
    /// What follows for the handset.
    pub(super) fn sign(self) -> Sign {
        match self {
            Self::Here => Sign::Registered,
            Self::Pending => Sign::Pending,
            Self::Elsewhere | Self::Another | Self::Nobody | Self::Unreserved => Sign::NotHere,
            Self::Somebody | Self::Untold => Sign::Undecided,
        }
    }

    /// Whether the two cannot both be true at one time. A slot holds one handset, a handset sits in one slot, and a
    /// pending one is registered nowhere (n720.md sections 3 and 4).
    pub(super) fn contradicts(self, other: Self) -> bool {
        self.excludes().contains(&other)
    }

    fn excludes(self) -> &'static [Self] {
        use Claim::{Another, Elsewhere, Here, Nobody, Pending, Somebody, Unreserved};
        match self {
            Self::Here => &[Elsewhere, Another, Pending, Nobody, Unreserved],
            Self::Elsewhere => &[Here, Pending],
            Self::Another => &[Here, Pending, Nobody, Unreserved],
            Self::Somebody => &[Pending, Nobody, Unreserved],
            Self::Pending => &[Here, Elsewhere, Another, Somebody, Unreserved],
            Self::Nobody => &[Here, Another, Somebody],
            Self::Unreserved => &[Here, Another, Somebody, Pending],
            Self::Untold => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Claim; 8] = [
        Claim::Here,
        Claim::Elsewhere,
        Claim::Another,
        Claim::Somebody,
        Claim::Pending,
        Claim::Nobody,
        Claim::Unreserved,
        Claim::Untold,
    ];

    #[test]
    fn a_contradiction_has_two_sides_and_nothing_contradicts_itself() {
        for one in ALL {
            assert!(!one.contradicts(one), "{one:?}");
            for other in ALL {
                assert_eq!(one.contradicts(other), other.contradicts(one), "{one:?}, {other:?}");
            }
        }
    }

    #[test]
    fn what_says_registered_here_is_contradicted_by_whatever_says_otherwise() {
        for other in ALL {
            let otherwise = match other.sign() {
                Sign::Pending | Sign::NotHere => true,
                Sign::Registered | Sign::Undecided => false,
            };
            assert_eq!(Claim::Here.contradicts(other), otherwise, "{other:?}");
        }
    }
}
