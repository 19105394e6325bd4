//! The public items of a crate, as its source has them.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::Path;
use std::str::FromStr;
use std::{fs, io};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::names::{Names, flat, group, heads, is_word, sign, split};

/// One signature that a program can see.
#[derive(Debug)]
struct Signature {
    file: String,
    line: usize,
    /// The crates that it names.
    crates: BTreeSet<String>,
}

/// All that a program can see of a crate.
#[derive(Debug, Default)]
pub(crate) struct Surface {
    signatures: Vec<Signature>,
}

/// The Rust files below a folder, each with its name.
pub(crate) fn files_of(folder: &Path) -> io::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(files_of(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push((path.display().to_string(), fs::read_to_string(&path)?));
        }
    }
    files.sort();
    Ok(files)
}

/// What is seen of other crates than those allowed.
pub(crate) fn complaints(surface: &Surface, allowed: &[&str]) -> Vec<String> {
    let mut complaints = Vec::new();
    for Signature { file, line, crates } in &surface.signatures {
        for name in crates.iter().filter(|name| !allowed.contains(&name.as_str())) {
            complaints.push(format!("{file}:{line}: `{name}` is seen from outside"));
        }
    }
    complaints
}

impl Surface {
    /// That of a crate with these files.
    pub(crate) fn of(files: &[(String, String)]) -> Result<Self, Box<dyn Error>> {
        let mut whole = Whole::default();
        let mut modules = Vec::new();
        for (file, text) in files {
            let stream = TokenStream::from_str(text).map_err(|error| format!("{file}: {error}"))?;
            whole.read(file, stream, &mut modules);
        }
        let mut surface = Self::default();
        for module in &modules {
            for item in &module.items {
                let crates = item.tokens.iter().flat_map(|tokens| whole.crates(tokens, module));
                let crates: BTreeSet<_> = crates.collect();
                let is_shown = item.of.as_ref().is_none_or(|name| whole.public.contains(name));
                if is_shown {
                    let (file, line) = (module.file.clone(), item.line);
                    surface.signatures.push(Signature { file, line, crates });
                }
            }
        }
        Ok(surface)
    }

    /// The crates that are seen.
    pub(crate) fn crates(&self) -> BTreeSet<&str> {
        self.signatures.iter().flat_map(|one| &one.crates).map(String::as_str).collect()
    }

    /// How many signatures there are.
    pub(crate) fn signatures(&self) -> usize {
        self.signatures.len()
    }
}

/// What is known of all files together.
#[derive(Default)]
struct Whole {
    modules: BTreeSet<String>,
    /// Public types and traits.
    public: BTreeSet<String>,
    /// Names of this crate that stand for something of another.
    aliases: BTreeMap<String, BTreeSet<String>>,
}

struct Module {
    file: String,
    names: Names,
    items: Vec<Item>,
}

/// A piece of a signature that is public, if `of` is.
struct Item {
    line: usize,
    of: Option<String>,
    tokens: Vec<Vec<TokenTree>>,
}

impl Whole {
    fn read(&mut self, file: &str, stream: TokenStream, modules: &mut Vec<Module>) {
        let mut module = Module { file: file.into(), names: Names::default(), items: Vec::new() };
        let trees: Vec<TokenTree> = stream.into_iter().collect();
        let mut rest = trees.as_slice();
        while let Some(found) = next(&mut rest) {
            self.take(&found, &mut module, modules);
        }
        modules.push(module);
    }

    fn take(&mut self, found: &Found<'_>, module: &mut Module, modules: &mut Vec<Module>) {
        let Found { line, is_public, keyword, name, head, body, .. } = found;
        let (line, name) = (*line, name.clone());
        let mut show = |of: Option<String>, tokens: Vec<Vec<TokenTree>>| {
            module.items.push(Item { line, of, tokens });
        };
        match keyword.as_str() {
            "use" => {
                for glob in module.names.bring_in(head) {
                    // Whatever it brings in cannot be told from the file's own names.
                    show_glob(&glob, line, &mut module.items);
                }
                if *is_public {
                    module.items.push(Item { line, of: None, tokens: vec![head.to_vec()] });
                } else if found.is_restricted {
                    let mut names = Names::default();
                    names.bring_in(head);
                    let last = flat(head).into_iter().rev().find_map(|token| match token {
                        TokenTree::Ident(word) => Some(word.to_string()),
                        _ => None,
                    });
                    if let Some(path) = last.as_ref().and_then(|name| names.path_of(name)) {
                        let alias = self.aliases.entry(last.unwrap_or_default()).or_default();
                        alias.extend(path.into_iter().next());
                    }
                }
            }
            "mod" => {
                self.modules.insert(name);
                if let Some(body) = body {
                    self.read(&module.file, body.clone(), modules);
                }
            }
            "impl" => {
                let (shown_trait, of) = implemented(head);
                let mut tokens = Vec::new();
                if shown_trait {
                    tokens.push(head.to_vec());
                }
                let inner: Vec<TokenTree> = body.clone().into_iter().flatten().collect();
                let mut rest = inner.as_slice();
                while let Some(inner) = next(&mut rest) {
                    if shown_trait || inner.is_public {
                        tokens.push(inner.head.to_vec());
                    }
                }
                if !shown_trait && !tokens.is_empty() {
                    tokens.push(head.to_vec());
                }
                show(Some(of), tokens);
            }
            "struct" | "enum" | "union" | "trait" if *is_public => {
                self.public.insert(name);
                let mut tokens = vec![found.derives.clone()];
                tokens.extend(parts(keyword, head, body.clone()));
                show(None, tokens);
            }
            "type" if *is_public => {
                self.public.insert(name);
                show(None, vec![head.to_vec()]);
            }
            "type" => {
                let of = self.aliases.entry(name).or_default();
                of.extend(heads(head).into_iter().filter_map(|(head, _)| {
                    module.names.path_of(&head).map(|path| path[0].clone())
                }));
            }
            "fn" | "const" | "static" if *is_public => show(None, vec![head.to_vec()]),
            _ => {}
        }
    }

    /// The crates that some tokens name.
    fn crates(&self, tokens: &[TokenTree], module: &Module) -> BTreeSet<String> {
        let mut crates = BTreeSet::new();
        for (head, goes_on) in heads(tokens) {
            let path = match module.names.path_of(&head) {
                Some(path) => path,
                None if goes_on => vec![head],
                None => continue,
            };
            let own = ["crate", "self", "super", "Self"].contains(&path[0].as_str())
                || self.modules.contains(&path[0])
                || path[0].starts_with(char::is_uppercase);
            if !own {
                crates.insert(path[0].clone());
            } else if let Some(of) = path.last().and_then(|last| self.aliases.get(last)) {
                let foreign = |name: &&String| {
                    !["crate", "self", "super"].contains(&name.as_str())
                        && !self.modules.contains(*name)
                };
                crates.extend(of.iter().filter(foreign).cloned());
            }
        }
        crates
    }
}

fn show_glob(glob: &[String], line: usize, items: &mut Vec<Item>) {
    let Some(first) = glob.first() else { return };
    let path = format!("{first}::x");
    let tokens = TokenStream::from_str(&path).unwrap_or_default();
    items.push(Item { line, of: None, tokens: vec![tokens.into_iter().collect()] });
}

/// Whether a trait is implemented, and for or on which type of this crate.
fn implemented(head: &[TokenTree]) -> (bool, String) {
    let mut depth = 0_usize;
    let mut of = String::new();
    let mut is_of_trait = false;
    for (at, token) in head.iter().enumerate() {
        match (sign(token), token) {
            (Some('<'), _) => depth += 1,
            (Some('>'), _) if sign(&head[at - 1]) != Some('-') => depth = depth.saturating_sub(1),
            (_, TokenTree::Ident(word)) if depth == 0 && word == "where" => break,
            (_, TokenTree::Ident(word)) if depth == 0 && word == "for" => is_of_trait = true,
            // The last word of the path, which is the type's name.
            (_, TokenTree::Ident(word)) if depth == 0 => of = word.to_string(),
            _ => {}
        }
    }
    (is_of_trait, of)
}

/// The parts of a type or a trait that can be seen.
fn parts(keyword: &str, head: &[TokenTree], body: Option<TokenStream>) -> Vec<Vec<TokenTree>> {
    let mut parts = Vec::new();
    let fields = |stream: TokenStream| {
        let fields = split(stream).into_iter().map(|field| flat_start(&field));
        fields.filter(|(is_public, _)| *is_public).map(|(_, field)| field).collect::<Vec<_>>()
    };
    let is_fields =
        |token: &TokenTree| keyword == "struct" && group(token, Delimiter::Parenthesis).is_some();
    parts.push(head.iter().filter(|token| !is_fields(token)).cloned().collect());
    for token in head.iter().filter(|token| is_fields(token)) {
        parts.extend(group(token, Delimiter::Parenthesis).map(fields).into_iter().flatten());
    }
    let Some(body) = body else { return parts };
    match keyword {
        "struct" | "union" => parts.extend(fields(body)),
        "trait" => {
            let inner: Vec<TokenTree> = body.into_iter().collect();
            let mut rest = inner.as_slice();
            while let Some(found) = next(&mut rest) {
                parts.push(found.head.to_vec());
            }
        }
        _ => parts.push(body.into_iter().collect()),
    }
    parts
}

/// Whether a field is public, and the field without its attributes.
fn flat_start(field: &[TokenTree]) -> (bool, Vec<TokenTree>) {
    let mut rest = field;
    while sign_at(rest, 0) == Some('#') {
        rest = &rest[2.min(rest.len())..];
    }
    let restricted =
        rest.get(1).is_some_and(|token| group(token, Delimiter::Parenthesis).is_some());
    let is_named = !restricted || rest.len() == 2;
    (is_word(rest.first(), "pub") && is_named, rest.get(1..).unwrap_or_default().to_vec())
}

fn sign_at(tokens: &[TokenTree], at: usize) -> Option<char> {
    tokens.get(at).and_then(sign)
}

/// One item as it is found.
struct Found<'a> {
    line: usize,
    is_public: bool,
    is_restricted: bool,
    keyword: String,
    name: String,
    /// All between the keyword and the body, or the value.
    head: &'a [TokenTree],
    body: Option<TokenStream>,
    derives: Vec<TokenTree>,
}

/// The next item that is not hidden, with which `rest` begins.
fn next<'a>(rest: &mut &'a [TokenTree]) -> Option<Found<'a>> {
    loop {
        let (found, is_hidden, after) = item(rest)?;
        *rest = after;
        match found {
            Some(found) if !is_hidden => return Some(found),
            _ => {}
        }
    }
}

const KEYWORDS: [&str; 12] = [
    "use",
    "mod",
    "impl",
    "struct",
    "enum",
    "union",
    "trait",
    "type",
    "fn",
    "static",
    "macro_rules",
    "const",
];

type Parsed<'a> = (Option<Found<'a>>, bool, &'a [TokenTree]);

/// The item at the front, whether it is hidden, and what follows.
fn item(all: &[TokenTree]) -> Option<Parsed<'_>> {
    let (mut at, mut is_hidden, mut derives) = (0, false, Vec::new());
    while sign_at(all, at) == Some('#') {
        at += 1 + usize::from(sign_at(all, at + 1) == Some('!'));
        let attribute = all.get(at).and_then(|token| group(token, Delimiter::Bracket));
        let attribute: Vec<_> = attribute.into_iter().flatten().collect();
        let text = attribute.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        is_hidden |= text.starts_with("doc") && text.contains("hidden")
            || text.starts_with("cfg") && (text.contains("test") || text.contains("\"fuzzing\""));
        if text.starts_with("derive") {
            derives.extend(flat(&attribute[1..]));
        }
        at += 1;
    }
    let first = all.get(at)?;
    let line = first.span().start().line;
    let has_pub = is_word(Some(first), "pub");
    let restricted = has_pub
        && all.get(at + 1).is_some_and(|next| group(next, Delimiter::Parenthesis).is_some());
    // Qualifiers such as `const`, `unsafe` and `async` stand before `fn`, `impl` or `trait`.
    let is_keyword = |token: &TokenTree| matches!(token, TokenTree::Ident(word) if KEYWORDS.contains(&word.to_string().as_str()));
    let offset = all[at..].iter().position(is_keyword);
    let Some(mut place) = offset.map(|offset| at + offset) else {
        return Some((None, is_hidden, &all[all.len().min(at + 1)..]));
    };
    if is_word(all.get(place), "const") && all.get(place + 1).is_some_and(is_keyword) {
        place += 1;
    }
    let keyword = all[place].to_string();
    let ends_with_sign = ["use", "type", "static", "const"].contains(&keyword.as_str());
    let is_end = |token: &TokenTree| {
        sign(token) == Some(';') || !ends_with_sign && group(token, Delimiter::Brace).is_some()
    };
    let end = all[place..].iter().position(is_end).map_or(all.len(), |offset| place + offset);
    let head = &all[place + 1..end];
    let body = all.get(end).and_then(|token| group(token, Delimiter::Brace));
    let name = head.iter().find_map(|token| match token {
        TokenTree::Ident(word) => Some(word.to_string()),
        _ => None,
    });
    let value = head.iter().position(|token| sign(token) == Some('='));
    let head = match keyword.as_str() {
        "const" | "static" => &head[..value.unwrap_or(head.len())],
        _ => head,
    };
    let found = Found {
        line,
        is_public: has_pub && !restricted,
        is_restricted: restricted,
        keyword,
        name: name.unwrap_or_default(),
        head,
        body,
        derives,
    };
    Some((Some(found), is_hidden, &all[all.len().min(end + 1)..]))
}
