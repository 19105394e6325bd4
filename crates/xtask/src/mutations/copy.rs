//! A copy of the workspace, in which bugs are made: the sources themselves are never altered.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use super::Mutation;

/// A copy of the workspace, and what is built of it.
#[derive(Debug)]
pub struct Copy {
    folder: PathBuf,
    /// Locked as long as this lives: two who make bugs in one copy would judge each other's.
    _lock: File,
}

impl Copy {
    /// Brings the copy below `target/mutations` to what the sources are now.
    ///
    /// It has every file that git knows of or would not ignore. What is the same already is not
    /// written, so that nothing of it is built again.
    ///
    /// # Errors
    ///
    /// When git does not tell, a file cannot be read or written, or another run has the copy.
    pub fn of(root: &Path) -> io::Result<Self> {
        Self::below(root, Path::new("target/mutations"))
    }

    /// The same below another folder of the workspace.
    ///
    /// # Errors
    ///
    /// When git does not tell, or a file cannot be read or written.
    pub fn below(root: &Path, folder: &Path) -> io::Result<Self> {
        Self::at(root.join(folder), root, &files_of(root)?)
    }

    fn at(folder: PathBuf, root: &Path, files: &BTreeSet<PathBuf>) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        let lock = File::create(folder.join("lock"))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::other("another run has the copy at this moment"),
            TryLockError::Error(error) => error,
        })?;
        let copy = Self { folder, _lock: lock };
        for file in files {
            copy.bring(file, &fs::read(root.join(file))?)?;
        }
        let mut there = Vec::new();
        all_files(&copy.root(), Path::new(""), &mut there)?;
        for file in there.iter().filter(|file| !files.contains(*file)) {
            fs::remove_file(copy.root().join(file))?;
        }
        Ok(copy)
    }

    /// The root of the copied workspace.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.folder.join("copy")
    }

    /// Where it is built.
    #[must_use]
    pub fn target(&self) -> PathBuf {
        self.folder.join("build")
    }

    /// Puts a bug in, lets `run` look at it, and takes it out again.
    ///
    /// # Errors
    ///
    /// When the bug does not fit, or the file cannot be read or written.
    pub fn with<R>(&self, mutation: &Mutation, run: impl FnOnce() -> R) -> io::Result<R> {
        let path = self.root().join(&mutation.file);
        let clean = fs::read_to_string(&path)?;
        let changed = mutation.applied_to(&clean).ok_or_else(|| {
            io::Error::other("what it searches for is not there exactly once in the copy")
        })?;
        fs::write(&path, changed)?;
        let result = run();
        fs::write(&path, clean)?;
        Ok(result)
    }

    fn bring(&self, file: &Path, content: &[u8]) -> io::Result<()> {
        let path = self.root().join(file);
        if fs::read(&path).is_ok_and(|there| there == content) {
            return Ok(());
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, content)
    }
}

/// Every file below a root that git knows of or would not ignore, and that is there.
fn files_of(root: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let listed = Command::new("git").args(list).current_dir(root).output()?;
    if !listed.status.success() {
        let said = String::from_utf8_lossy(&listed.stderr).trim().to_owned();
        return Err(io::Error::other(format!("git does not list the sources: {said}")));
    }
    let text = String::from_utf8(listed.stdout).map_err(io::Error::other)?;
    let files = text.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from);
    Ok(files.filter(|file| root.join(file).is_file()).collect())
}

fn all_files(root: &Path, folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if !entry.file_type()?.is_dir() {
            found.push(path);
        } else if entry.file_name() != OsStr::new("target") {
            all_files(root, &path, found)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Copy, files_of};
    use crate::mutations::Mutations;
    use crate::tools::is_there;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};

    fn root() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
    }

    /// A folder of this test's own, empty.
    fn folder(test: &str) -> PathBuf {
        let folder = root().join("target/tmp/mutations").join(test);
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn the_sources_are_what_git_knows_and_no_more() {
        let files = match files_of(root()) {
            Ok(files) => files,
            // The tests need no git, and sources need not be a clone: then the command says so.
            Err(error) => {
                assert!(!root().join(".git").exists() || !is_there("git"), "{error}");
                return;
            }
        };
        assert!(files.contains(Path::new("Cargo.lock")));
        assert!(files.contains(Path::new("crates/xtask/src/main.rs")));
        assert!(files.iter().all(|file| !file.starts_with("target")));
    }

    #[test]
    fn a_copy_follows_its_sources_and_is_not_written_where_it_is_the_same() {
        let sources = folder("a_copy_follows");
        let of = |names: &[&str]| names.iter().map(PathBuf::from).collect::<BTreeSet<_>>();
        fs::create_dir_all(sources.join("deep")).unwrap();
        fs::write(sources.join("a.rs"), "a").unwrap();
        fs::write(sources.join("deep/b.rs"), "b").unwrap();
        let at = sources.join("copied");
        let copy = Copy::at(at.clone(), &sources, &of(&["a.rs", "deep/b.rs"])).unwrap();
        assert_eq!(fs::read_to_string(copy.root().join("deep/b.rs")).unwrap(), "b");
        let written = fs::metadata(copy.root().join("a.rs")).unwrap().modified().unwrap();
        let beside = Copy::at(at.clone(), &sources, &of(&["a.rs"])).unwrap_err();
        assert!(beside.to_string().contains("another run has the copy"), "{beside}");
        drop(copy);
        fs::write(sources.join("deep/b.rs"), "changed").unwrap();
        let copy = Copy::at(at.clone(), &sources, &of(&["a.rs", "deep/b.rs"])).unwrap();
        assert_eq!(fs::read_to_string(copy.root().join("deep/b.rs")).unwrap(), "changed");
        let again = fs::metadata(copy.root().join("a.rs")).unwrap().modified().unwrap();
        assert_eq!(written, again);
        drop(copy);
        let copy = Copy::at(at, &sources, &of(&["a.rs"])).unwrap();
        assert!(!copy.root().join("deep/b.rs").exists());
    }

    #[test]
    fn a_bug_is_there_while_it_is_looked_at_and_gone_afterwards() {
        let sources = folder("a_bug_is_there");
        let mutation = &Mutations::read(root()).unwrap().all[0];
        let content = fs::read_to_string(root().join(&mutation.file)).unwrap();
        let file = sources.join(&mutation.file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, &content).unwrap();
        let files = BTreeSet::from([mutation.file.clone()]);
        let copy = Copy::at(sources.join("copied"), &sources, &files).unwrap();
        let copied = copy.root().join(&mutation.file);
        let seen = copy.with(mutation, || fs::read_to_string(&copied).unwrap()).unwrap();
        assert_eq!(Some(&seen), mutation.applied_to(&content).as_ref());
        assert_eq!(fs::read_to_string(&copied).unwrap(), content);
        assert_eq!(fs::read_to_string(&file).unwrap(), content, "the source itself is untouched");
        fs::write(&copied, "something else").unwrap();
        assert!(copy.with(mutation, || ()).is_err());
    }
}
