//! Where files lie, as the configuration names them.

use std::borrow::Cow;

/// Turns the names of files in reports, which start at the current folder, into paths from the configuration's
/// folder. Without a folder the two are the same.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Places {
    folder: String,
    roots: Vec<(String, String)>,
}

impl Places {
    /// Places for a configuration in `folder`. Each root is the start of names in reports ("" for the current
    /// folder) with the folder or file that it stands for. All folders are absolute and without links.
    pub fn new(folder: String, mut roots: Vec<(String, String)>) -> Self {
        roots.sort_by_key(|(start, _)| std::cmp::Reverse(start.len()));
        Places { folder, roots }
    }

    /// The path from the configuration's folder to the file of this name; its absolute path where it lies elsewhere.
    pub fn path<'n>(&self, name: &'n str) -> Cow<'n, str> {
        if self.folder.is_empty() {
            return Cow::Borrowed(name);
        }
        let rest = |start: &str| match start {
            "" => (!name.starts_with('/')).then_some(name),
            start => below(name, start),
        };
        let found = self.roots.iter().find_map(|(start, folder)| Some((folder.as_str(), rest(start)?)));
        let path = match found {
            Some((folder, "")) => folder.to_owned(),
            Some((folder, rest)) => absolute(folder, rest),
            None if name.starts_with('/') => name.to_owned(),
            // A stream lies nowhere.
            None => return Cow::Borrowed(name),
        };
        match below(&path, &self.folder) {
            Some(relative) => Cow::Owned(relative.to_owned()),
            None => Cow::Owned(path),
        }
    }
}

/// The rest of `path` below `folder`, "" for the folder itself; `None` where it lies elsewhere.
pub fn below<'p>(path: &'p str, folder: &str) -> Option<&'p str> {
    match folder {
        "" => Some(path),
        "/" => path.strip_prefix('/'),
        folder => path.strip_prefix(folder)?.strip_prefix('/').or((path.len() == folder.len()).then_some("")),
    }
}

/// `path` as seen from the absolute `folder`, with `.` and `..` taken out.
fn absolute(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_a_sub_folder_become_paths_from_the_configuration() {
        let own = |start: &str, folder: &str| (start.to_owned(), folder.to_owned());
        let roots = vec![own("", "/repo/shop"), own("../bank", "/repo/bank"), own("/linked", "/else/where")];
        let places = Places::new("/repo".to_owned(), roots);
        assert_eq!(places.path("a/web.yaml"), "shop/a/web.yaml");
        assert_eq!(places.path("../bank/till.yaml"), "bank/till.yaml");
        assert_eq!(places.path("../other.yaml"), "other.yaml");
        assert_eq!(places.path("/linked/x.yaml"), "/else/where/x.yaml");
        assert_eq!(places.path("/repo/y.yaml"), "y.yaml");
        assert_eq!(Places::default().path("x/y.yaml"), "x/y.yaml");
        assert_eq!(Places::new("/repo".to_owned(), Vec::new()).path("<stdin>"), "<stdin>");
    }

    #[test]
    fn a_folder_holds_whole_names() {
        assert_eq!(below("clusters/a/x.yaml", "clusters/a"), Some("x.yaml"));
        assert_eq!(below("clusters/ab/x.yaml", "clusters/a"), None);
        assert_eq!(below("clusters/a", "clusters/a"), Some(""));
        assert_eq!(below("x.yaml", ""), Some("x.yaml"));
    }
}
