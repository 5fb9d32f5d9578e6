//! Names that somebody who mistyped one may have meant.

/// Names listed in full up to here.
const FEW: usize = 12;

/// All names if they are few, else those most like `given`, likest first.
pub(super) fn near(given: &str, names: &[String]) -> String {
    let list = |names: &[&String]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() <= FEW {
        return list(&names.iter().collect::<Vec<_>>());
    }
    let given = given.to_lowercase();
    let mut ranked: Vec<_> = names.iter().map(|name| (strsim::jaro_winkler(&given, &name.to_lowercase()), name)).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let likest: Vec<_> = ranked.into_iter().take(5).map(|(_, name)| name).collect();
    format!("{}, and {} more", list(&likest), names.len() - likest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_names_are_listed_in_order_and_many_by_likeness() {
        let names = |count: usize| (0..count).map(|k| format!("hour_{k}")).chain(["Wind".to_owned()]).collect::<Vec<_>>();
        assert_eq!(near("wnd", &names(2)), "`hour_0`, `hour_1`, `Wind`");
        let text = near("wnd", &names(40));
        assert!(text.starts_with("`Wind`, ") && text.ends_with(", and 36 more"), "{text}");
    }
}
