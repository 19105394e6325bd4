//! Source code with its comments, blank lines and tests taken away.

use proc_macro2::{Delimiter, Group, LexError, TokenStream, TokenTree};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fmt::{self, Display};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::{fs, io};

/// One piece of code that is neither a bracket nor a comment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Token {
    /// A name or a keyword.
    Ident(String),
    /// One character of punctuation, such as each `:` of `::`.
    Punct(char),
    /// A literal as it is written: a string with its quotes, a number with its suffix.
    Literal(String),
}

/// The code of one or more files: no comments, no documentation, nothing under `#[cfg(test)]`.
#[derive(Clone, Debug, Default)]
pub struct Code {
    tokens: Vec<(usize, Token)>,
    lines: usize,
}

impl Code {
    /// The code of one text.
    ///
    /// # Errors
    ///
    /// When the text is no Rust.
    pub fn of_text(text: &str) -> Result<Self, LexError> {
        Ok(Self::from(&Parsed::from_str(text)?))
    }

    /// The code of every Rust file below a folder, as one.
    ///
    /// # Errors
    ///
    /// As [`Code::of_files`].
    pub fn of_folder(folder: &Path) -> Result<Self, CodeError> {
        let mut code = Self::default();
        for (_, file) in Self::of_files(folder)? {
            code.tokens.extend(file.tokens);
            code.lines += file.lines;
        }
        Ok(code)
    }

    /// The code of every Rust file below a folder, each with its path.
    ///
    /// A module that is declared under `#[cfg(test)]` is left out with its file and its folder.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or is no Rust.
    pub fn of_files(folder: &Path) -> Result<Vec<(PathBuf, Self)>, CodeError> {
        let mut files = Vec::new();
        let mut tests = BTreeSet::new();
        for path in rust_files(folder)? {
            let text = fs::read_to_string(&path).map_err(|error| CodeError::io(&path, error))?;
            let parsed = Parsed::from_str(&text).map_err(|error| CodeError::lex(&path, error))?;
            let below = folder_of_modules(&path);
            for module in &parsed.test_modules {
                tests.insert(below.join(format!("{module}.rs")));
                tests.insert(below.join(module));
            }
            files.push((path, Self::from(&parsed)));
        }
        files.retain(|(path, _)| !path.ancestors().any(|part| tests.contains(part)));
        Ok(files)
    }

    /// How many lines hold code.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.lines
    }

    /// The tokens in order, each with the line that it begins on in its file.
    pub fn tokens(&self) -> impl Iterator<Item = (usize, &Token)> {
        self.tokens.iter().map(|(line, token)| (*line, token))
    }
}

impl From<&Parsed> for Code {
    fn from(parsed: &Parsed) -> Self {
        Self { tokens: parsed.tokens.clone(), lines: parsed.lines.len() }
    }
}

/// Every Rust file below a folder, in order.
fn rust_files(folder: &Path) -> Result<Vec<PathBuf>, CodeError> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(|error| CodeError::io(&folder, error))?;
        for entry in entries {
            let path = entry.map_err(|error| CodeError::io(&folder, error))?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension() == Some(OsStr::new("rs")) {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Where the files of a file's modules are.
fn folder_of_modules(file: &Path) -> PathBuf {
    match file.file_name().and_then(OsStr::to_str) {
        Some("lib.rs" | "main.rs" | "mod.rs") => file.with_file_name(""),
        _ => file.with_extension(""),
    }
}

/// One file's code, and the test modules that it declares and other files hold.
#[derive(Default)]
struct Parsed {
    tokens: Vec<(usize, Token)>,
    lines: BTreeSet<usize>,
    test_modules: Vec<String>,
}

impl FromStr for Parsed {
    type Err = LexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parsed = Self::default();
        parsed.walk(TokenStream::from_str(text)?);
        Ok(parsed)
    }
}

impl Parsed {
    fn walk(&mut self, stream: TokenStream) {
        let trees: Vec<_> = stream.into_iter().collect();
        let mut rest = trees.as_slice();
        while let Some((tree, after)) = rest.split_first() {
            let attribute = attribute(rest);
            if let Some(Attribute { group, inner, after }) = attribute {
                if is_test(&group) {
                    rest = if inner { &[] } else { self.skip_item(after) };
                    continue;
                }
                if names(&group, "doc") {
                    rest = after;
                    continue;
                }
            }
            self.take(tree);
            rest = after;
        }
    }

    fn take(&mut self, tree: &TokenTree) {
        let token = match tree {
            TokenTree::Group(group) => {
                if group.delimiter() != Delimiter::None {
                    self.lines.insert(group.span_open().start().line);
                }
                self.walk(group.stream());
                if group.delimiter() != Delimiter::None {
                    self.lines.insert(group.span_close().end().line);
                }
                return;
            }
            TokenTree::Ident(ident) => Token::Ident(ident.to_string()),
            TokenTree::Punct(punct) => Token::Punct(punct.as_char()),
            TokenTree::Literal(literal) => Token::Literal(literal.to_string()),
        };
        let (start, end) = (tree.span().start().line, tree.span().end().line);
        self.lines.extend(start..=end);
        self.tokens.push((start, token));
    }

    /// What follows the item that begins here, after its other attributes.
    fn skip_item<'a>(&mut self, mut rest: &'a [TokenTree]) -> &'a [TokenTree] {
        while let Some(attribute) = attribute(rest) {
            rest = attribute.after;
        }
        let mut module = None;
        for (at, tree) in rest.iter().enumerate() {
            match tree {
                TokenTree::Ident(name) if follows_mod(rest, at) => module = Some(name.to_string()),
                TokenTree::Punct(punct) if matches!(punct.as_char(), ';' | ',') => {
                    self.test_modules.extend(module);
                    return &rest[at + 1..];
                }
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                    return &rest[at + 1..];
                }
                _ => {}
            }
        }
        &[]
    }
}

fn follows_mod(trees: &[TokenTree], at: usize) -> bool {
    at > 0 && matches!(&trees[at - 1], TokenTree::Ident(word) if word == "mod")
}

/// An attribute, of an item or of what encloses it.
struct Attribute<'a> {
    group: Group,
    inner: bool,
    after: &'a [TokenTree],
}

/// The attribute that the tokens begin with, if they do.
fn attribute(trees: &[TokenTree]) -> Option<Attribute<'_>> {
    let is = |tree: &TokenTree, sign| matches!(tree, TokenTree::Punct(p) if p.as_char() == sign);
    let after_hash = trees.split_first().filter(|(tree, _)| is(tree, '#'))?.1;
    let inner = after_hash.first().is_some_and(|tree| is(tree, '!'));
    let body = if inner { &after_hash[1..] } else { after_hash };
    match body.split_first()? {
        (TokenTree::Group(group), after) if group.delimiter() == Delimiter::Bracket => {
            Some(Attribute { group: group.clone(), inner, after })
        }
        _ => None,
    }
}

fn names(attribute: &Group, name: &str) -> bool {
    matches!(attribute.stream().into_iter().next(), Some(TokenTree::Ident(i)) if i == name)
}

/// Whether what an attribute stands before is compiled for tests only.
fn is_test(attribute: &Group) -> bool {
    let mut tokens = attribute.stream().into_iter();
    let (Some(TokenTree::Ident(cfg)), Some(TokenTree::Group(predicate))) =
        (tokens.next(), tokens.next())
    else {
        return false;
    };
    cfg == "cfg" && needs_test(predicate.stream())
}

/// Features of the core that bring nothing but what tests are made with.
const OWN_FEATURES: [&str; 2] = ["\"fuzzing\"", "\"model\""];

/// Whether a predicate, or each of several joined by `all`, demands `test`.
fn needs_test(predicate: TokenStream) -> bool {
    let trees: Vec<_> = predicate.into_iter().collect();
    trees.split(|tree| matches!(tree, TokenTree::Punct(p) if p.as_char() == ',')).any(|one| {
        match one {
            [TokenTree::Ident(word)] => word == "test",
            // Modules for this repository's own tools, which no program builds.
            [TokenTree::Ident(word), TokenTree::Punct(_), TokenTree::Literal(feature)] => {
                word == "feature" && OWN_FEATURES.contains(&feature.to_string().as_str())
            }
            [TokenTree::Ident(word), TokenTree::Group(of)] => {
                word == "all" && needs_test(of.stream())
            }
            _ => false,
        }
    })
}

/// Why the code of a folder could not be had.
#[derive(Debug)]
pub struct CodeError {
    path: PathBuf,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl CodeError {
    fn io(path: &Path, error: io::Error) -> Self {
        Self { path: path.to_owned(), source: Box::new(error) }
    }

    fn lex(path: &Path, error: LexError) -> Self {
        let line = error.span().start().line;
        Self { path: path.to_owned(), source: format!("no Rust at line {line}").into() }
    }
}

impl Display for CodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read {}", self.path.display())
    }
}

impl std::error::Error for CodeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.source.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::{Code, Token};
    use std::path::{Path, PathBuf};
    use std::{fs, process};

    fn lines(text: &str) -> usize {
        Code::of_text(text).unwrap().lines()
    }

    #[test]
    fn comments_documentation_and_blank_lines_are_no_code() {
        let text = r#"
//! A module.

/// A function.
/* with a
   long comment */
fn f() { // that does

    #![doc = "nothing"]
    /* at */ g(); /** all */
}
"#;
        assert_eq!(lines(text), 3);
    }

    #[test]
    fn what_only_looks_like_a_comment_is_code() {
        assert_eq!(lines("const A: &str = \"\n// one\n\n/* two\n\";"), 5);
        assert_eq!(lines("const A: &str = r#\"\n// \"one\"\n\"#;"), 3);
        assert_eq!(lines("const A: char = '\"'; // \"\nconst B: char = '\\'';"), 2);
    }

    #[test]
    fn several_statements_on_a_line_are_one_line_and_one_on_several_is_several() {
        assert_eq!(lines("fn a() {} fn b() {}"), 1);
        assert_eq!(lines("fn a(\n    b: u8,\n) {\n}"), 4);
    }

    #[test]
    fn items_compiled_for_tests_only_are_no_code() {
        assert_eq!(lines("fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() {}\n}\nfn c() {}"), 2);
        assert_eq!(lines("#[cfg(test)]\n#[derive(Debug)]\nstruct A(u8);\nstruct B;"), 1);
        assert_eq!(lines("#[cfg(all(unix, test))]\nuse a::{b, c};\nuse d;"), 2);
        assert_eq!(lines("#[cfg(all(unix, test))]\nfn a() {}\nuse d;"), 1);
        assert_eq!(lines("#![cfg(test)]\nfn a() {}\n"), 0);
        assert_eq!(lines("struct A {\n #[cfg(test)]\n a: u8,\n b: u8,\n}"), 3);
    }

    #[test]
    fn items_that_others_can_have_too_are_code() {
        assert_eq!(lines("#[cfg(any(test, feature = \"test-util\"))]\nmod a {\n}"), 3);
        assert_eq!(lines("#[cfg(not(test))]\nfn a() {}"), 2);
        assert_eq!(lines("#[test]\nfn a() {}"), 2);
    }

    #[test]
    fn tokens_come_in_order_with_their_lines_and_without_documentation() {
        let code = Code::of_text("/// \"no\"\nfn f() {\n  g(\"yes\", 2_100u64); // no\n}").unwrap();
        let literals: Vec<_> = code
            .tokens()
            .filter_map(|(line, token)| match token {
                Token::Literal(text) => Some((line, text.as_str())),
                _ => None,
            })
            .collect();
        assert_eq!(literals, [(3, "\"yes\""), (3, "2_100u64")]);
    }

    #[test]
    fn a_text_that_is_no_rust_is_an_error() {
        assert!(Code::of_text("fn f( {").is_err());
    }

    /// A folder that is gone when the test is.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let root = std::env::temp_dir().join(format!("xtask-{name}-{}", process::id()));
            for (path, text) in files {
                let path = root.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            Self(root)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_files_of_a_test_module_are_no_code_wherever_they_are() {
        let scratch = Scratch::new(
            "test-modules",
            &[
                ("lib.rs", "mod a;\n#[cfg(test)]\nmod tests;\nmod b;"),
                ("tests.rs", "mod deep;\nfn t() {}"),
                ("tests/deep.rs", "fn t() {}"),
                ("a.rs", "#[cfg(test)]\nmod tests;"),
                ("a/tests.rs", "fn t() {}"),
                ("b/mod.rs", "fn b() {}\n#[cfg(test)]\nmod cases;"),
                ("b/cases.rs", "fn t() {}"),
                ("b/tests.rs", "fn b() {}"),
                ("b/notes.txt", "not Rust"),
            ],
        );
        assert_eq!(Code::of_folder(&scratch.0).unwrap().lines(), 4);
    }

    #[test]
    fn a_file_that_is_no_rust_and_a_folder_that_is_not_there_are_named() {
        let scratch = Scratch::new("no-rust", &[("lib.rs", "fn f() {}\n\"")]);
        let error = Code::of_folder(&scratch.0).unwrap_err();
        assert!(error.to_string().ends_with("lib.rs"), "{error}");
        let error = Code::of_folder(Path::new("no/folder/here")).unwrap_err();
        assert!(error.to_string().ends_with("here"), "{error}");
    }
}
