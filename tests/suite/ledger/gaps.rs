//! Positions that no report shows: more swaps in a row than a value shows of its log were in doubt.
//!
//! What is known on both sides of such a gap tells how many tokens are in it, and their sums: so it
//! is found out which they are, among those whose writers were told nothing certain. A write that
//! was lost, applied twice, or applied though it had failed, leaves a gap that they do not explain.

use super::log::{Mark, weight};

/// So many combinations are tried for the tokens of one sum. Of twenty in doubt any number, of
/// sixty any four.
const MOST_TRIES: u32 = 1 << 20;

/// Which `count` of the tokens `in_doubt` lie between two marks.
///
/// # Errors
/// Why it cannot be told, or that no choice of them does.
pub(super) fn explain(
    before: &Mark,
    after: &Mark,
    count: usize,
    in_doubt: &[u64],
) -> Result<Vec<u64>, String> {
    let mut found = Vec::new();
    for slot in 0..before.sums.len() {
        let rest = after.sums[slot].wrapping_sub(before.sums[slot]);
        let dealt: Vec<u64> =
            in_doubt.iter().copied().filter(|token| weight(*token).0 == slot).collect();
        let mut tries = 0;
        // Few first: they are the likely ones, and soon tried.
        let chosen = (0..=dealt.len().min(count)).find_map(|most| {
            let mut chosen = Vec::new();
            choose(&dealt, most, rest, &mut chosen, &mut tries).then_some(chosen)
        });
        match chosen {
            Some(chosen) => found.extend(chosen),
            None if tries > MOST_TRIES => {
                return Err(format!("{} in doubt are too many to tell", dealt.len()));
            }
            None => {
                return Err(format!(
                    "the {} that are in doubt do not explain it: a write was lost, or applied \
                     twice, or applied and said to have failed",
                    in_doubt.len()
                ));
            }
        }
    }
    if found.len() != count {
        return Err(format!("{} of those in doubt are in it: a write was lost", found.len()));
    }
    Ok(found)
}

/// Finds exactly `count` of the tokens whose weights sum up to `rest`.
fn choose(tokens: &[u64], count: usize, rest: u64, chosen: &mut Vec<u64>, tries: &mut u32) -> bool {
    *tries += 1;
    if count == 0 {
        return rest == 0;
    }
    for (n, token) in tokens.iter().enumerate() {
        if *tries > MOST_TRIES {
            return false;
        }
        chosen.push(*token);
        let rest = rest.wrapping_sub(weight(*token).1);
        if choose(&tokens[n + 1..], count - 1, rest, chosen, tries) {
            return true;
        }
        chosen.pop();
    }
    false
}
