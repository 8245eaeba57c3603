//! Two texts as a unified diff, as `diff -u` writes it. Pure; prints nothing.

use super::paint::Tone;

/// Lines around a change that are shown.
const CONTEXT: usize = 3;

/// A line with what it means: [`Tone::Goes`] of the old text, [`Tone::Comes`] of the new one.
pub(super) type ToneLine = (Tone, String);

/// One step from the old lines to the new ones; positions count from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Same(usize, usize),
    Removed(usize, usize),
    Added(usize, usize),
}

impl Step {
    fn is_change(self) -> bool {
        !matches!(self, Self::Same(..))
    }

    /// How far both texts are before it.
    fn at(self) -> (usize, usize) {
        let (Self::Same(old, new) | Self::Removed(old, new) | Self::Added(old, new)) = self;
        (old, new)
    }
}

/// The texts compared, and what is shown of each: line by line the same text, with secrets masked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sides<'t> {
    pub(super) before: &'t str,
    pub(super) after: &'t str,
    pub(super) shown_before: &'t str,
    pub(super) shown_after: &'t str,
}

/// The diff of a file; empty where nothing differs.
pub(super) fn diff(file: &str, sides: Sides<'_>) -> Vec<ToneLine> {
    let steps = steps(&lines(sides.before), &lines(sides.after));
    let shown = (lines(sides.shown_before), lines(sides.shown_after));
    let mut diff = Vec::new();
    for hunk in hunks(&steps) {
        if diff.is_empty() {
            diff.push((Tone::Head, format!("--- {file}")));
            diff.push((Tone::Head, format!("+++ {file}")));
        }
        diff.push((Tone::Faint, place(hunk)));
        for step in hunk {
            let (tone, mark, line) = match step {
                Step::Same(old, _) => (Tone::Plain, ' ', shown.0.get(*old)),
                Step::Removed(old, _) => (Tone::Goes, '-', shown.0.get(*old)),
                Step::Added(_, new) => (Tone::Comes, '+', shown.1.get(*new)),
            };
            let line = line.copied().unwrap_or_default();
            diff.push((tone, format!("{mark}{}", line.trim_end_matches(['\n', '\r']))));
            if !line.ends_with('\n') {
                diff.push((Tone::Plain, "\\ No newline at end of file".to_owned()));
            }
        }
    }
    diff
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

fn place(hunk: &[Step]) -> String {
    let (old, new) = hunk.first().map_or((0, 0), |step| step.at());
    let olds = hunk.iter().filter(|step| !matches!(step, Step::Added(..))).count();
    let news = hunk.iter().filter(|step| !matches!(step, Step::Removed(..))).count();
    // A range without lines is named by the line before it.
    let range = |from: usize, count: usize| match count {
        0 => format!("{from},0"),
        1 => format!("{}", from + 1),
        _ => format!("{},{count}", from + 1),
    };
    format!("@@ -{} +{} @@", range(old, olds), range(new, news))
}

/// The changes with their context; those whose contexts touch, together.
fn hunks(steps: &[Step]) -> Vec<&[Step]> {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for (at, _) in steps.iter().enumerate().filter(|(_, step)| step.is_change()) {
        let (from, to) = (at.saturating_sub(CONTEXT), (at + CONTEXT + 1).min(steps.len()));
        match ranges.last_mut() {
            Some(last) if from <= last.1 => last.1 = to,
            Some(_) | None => ranges.push((from, to)),
        }
    }
    ranges.into_iter().filter_map(|(from, to)| steps.get(from..to)).collect()
}

/// The fewest changes from one to the other, removals first.
fn steps(old: &[&str], new: &[&str]) -> Vec<Step> {
    let head = old.iter().zip(new).take_while(|(one, other)| one == other).count();
    let (old_rest, new_rest) = (old.get(head..).unwrap_or_default(), new.get(head..).unwrap_or_default());
    let pairs = old_rest.iter().rev().zip(new_rest.iter().rev());
    let tail = pairs.take_while(|(one, other)| one == other).count();
    let within = |lines: usize| lines - head - tail;
    let (olds, news) = (within(old.len()), within(new.len()));
    let common =
        Common::of(old_rest.get(..olds).unwrap_or_default(), new_rest.get(..news).unwrap_or_default());
    let mut steps: Vec<Step> = (0..head).map(|line| Step::Same(line, line)).collect();
    let (mut x, mut y) = (0, 0);
    while x < olds || y < news {
        let (at_old, at_new) = (head + x, head + y);
        if x < olds && y < news && old.get(at_old) == new.get(at_new) {
            steps.push(Step::Same(at_old, at_new));
            (x, y) = (x + 1, y + 1);
        } else if y == news || x < olds && common.behind(x + 1, y) >= common.behind(x, y + 1) {
            steps.push(Step::Removed(at_old, at_new));
            x += 1;
        } else {
            steps.push(Step::Added(at_old, at_new));
            y += 1;
        }
    }
    steps.extend((0..tail).map(|line| Step::Same(head + olds + line, head + news + line)));
    steps
}

/// How many lines two texts have in common behind each pair of places.
struct Common {
    /// A row for each place in the old text.
    lengths: Vec<u32>,
    width: usize,
}

impl Common {
    /// More pairs than these are not compared: such texts are shown as replaced. A site file has a thousand lines.
    const MOST: usize = 16_000_000;

    fn of(old: &[&str], new: &[&str]) -> Self {
        let width = new.len() + 1;
        let size = (old.len() + 1).saturating_mul(width);
        let mut common = Self { lengths: Vec::new(), width };
        if size > Self::MOST {
            return common;
        }
        common.lengths.resize(size, 0);
        for (x, old) in old.iter().enumerate().rev() {
            for (y, new) in new.iter().enumerate().rev() {
                let length = if old == new {
                    common.behind(x + 1, y + 1) + 1
                } else {
                    common.behind(x + 1, y).max(common.behind(x, y + 1))
                };
                if let Some(place) = common.lengths.get_mut(x * width + y) {
                    *place = length;
                }
            }
        }
        common
    }

    fn behind(&self, x: usize, y: usize) -> u32 {
        self.lengths.get(x * self.width + y).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(before: &str, after: &str) -> Vec<String> {
        let sides = Sides { before, after, shown_before: before, shown_after: after };
        diff("a.toml", sides).into_iter().map(|(_, line)| line).collect()
    }

    #[test]
    fn a_diff_reads_as_diff_u_writes_it() {
        let before = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n";
        let after = "1\n2\n3\nfour\n5\n6\n7\n8\n9\n10\n11\n11a\n12\n";
        let expected = [
            "--- a.toml",
            "+++ a.toml",
            "@@ -1,7 +1,7 @@",
            " 1",
            " 2",
            " 3",
            "-4",
            "+four",
            " 5",
            " 6",
            " 7",
            "@@ -9,4 +9,5 @@",
            " 9",
            " 10",
            " 11",
            "+11a",
            " 12",
        ];
        assert_eq!(plain(before, after), expected);
        assert!(plain(before, before).is_empty());
        assert_eq!(plain("", "x\n"), ["--- a.toml", "+++ a.toml", "@@ -0,0 +1 @@", "+x"]);
    }

    #[test]
    fn changes_whose_contexts_touch_are_one_hunk() {
        let before = "a\n1\n2\n3\n4\n5\n6\nb\n";
        let diff = plain(before, &before.replace('a', "A").replace('b', "B"));
        assert_eq!(diff.iter().filter(|line| line.starts_with("@@")).count(), 1, "{diff:?}");
    }

    #[test]
    fn a_missing_newline_at_the_end_is_told() {
        let diff = plain("x", "x\ny\n");
        assert_eq!(diff[3..], ["-x", "\\ No newline at end of file", "+x", "+y"]);
    }

    #[test]
    fn what_is_masked_is_compared_but_not_shown() {
        let sides = Sides {
            before: "p = 'a'\n",
            after: "p = 'b'\n",
            shown_before: "p = ***\n",
            shown_after: "p = ***\n",
        };
        let lines: Vec<_> = diff("x", sides).into_iter().skip(3).collect();
        assert_eq!(lines, [(Tone::Goes, "-p = ***".to_owned()), (Tone::Comes, "+p = ***".to_owned())]);
    }

    #[test]
    fn texts_too_long_to_compare_are_shown_as_replaced() {
        let text = |word: &str| (0..4001).map(|line| format!("{word}{line}\n")).collect::<String>();
        let diff = plain(&text("a"), &text("b"));
        assert_eq!(diff.len(), 3 + 2 * 4001);
    }

    proptest! {
        /// Whatever a diff leaves out or shows, both texts can be made of its steps, and nothing shorter can.
        #[test]
        fn the_steps_make_both_texts(
            before in proptest::collection::vec("[abc]", 0..12),
            after in proptest::collection::vec("[abc]", 0..12),
        ) {
            let old: Vec<&str> = before.iter().map(String::as_str).collect();
            let new: Vec<&str> = after.iter().map(String::as_str).collect();
            let steps = steps(&old, &new);
            let olds = steps.iter().filter_map(|step| match step {
                Step::Same(at, _) | Step::Removed(at, _) => Some(old[*at]),
                Step::Added(..) => None,
            });
            prop_assert_eq!(olds.collect::<Vec<_>>(), old.clone());
            let news = steps.iter().filter_map(|step| match step {
                Step::Same(_, at) | Step::Added(_, at) => Some(new[*at]),
                Step::Removed(..) => None,
            });
            prop_assert_eq!(news.collect::<Vec<_>>(), new.clone());
            let same = steps.iter().filter(|step| !step.is_change()).count();
            prop_assert_eq!(same, longest(&old, &new));
        }
    }

    /// The longest common subsequence by trying everything.
    fn longest(old: &[&str], new: &[&str]) -> usize {
        match (old.split_first(), new.split_first()) {
            (Some((one, olds)), Some((other, news))) if one == other => 1 + longest(olds, news),
            (Some((_, olds)), Some((_, news))) => longest(olds, new).max(longest(old, news)),
            (None, _) | (_, None) => 0,
        }
    }
}
