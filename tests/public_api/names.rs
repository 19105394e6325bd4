//! Which names a file brings in, and the crate that each is of.

use std::collections::BTreeMap;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Names of a module, each with the path that it stands for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names(BTreeMap<String, Vec<String>>);

impl Names {
    /// Takes up what one `use` brings in, and tells the paths that end in `*`.
    pub(crate) fn bring_in(&mut self, tree: &[TokenTree]) -> Vec<Vec<String>> {
        let mut globs = Vec::new();
        self.walk(tree, &[], &mut globs);
        globs
    }

    fn walk(&mut self, tree: &[TokenTree], from: &[String], globs: &mut Vec<Vec<String>>) {
        let mut path = from.to_vec();
        let mut tokens = tree.iter();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(word) if word == "as" => {
                    if let Some(TokenTree::Ident(name)) = tokens.next() {
                        self.0.insert(name.to_string(), path);
                    }
                    return;
                }
                TokenTree::Ident(word) if word == "self" && !path.is_empty() => {}
                TokenTree::Ident(word) => path.push(word.to_string()),
                TokenTree::Punct(sign) if sign.as_char() == '*' => return globs.push(path),
                TokenTree::Group(group) => {
                    for part in split(group.stream()) {
                        self.walk(&part, &path, globs);
                    }
                    return;
                }
                _ => {}
            }
        }
        if let Some(name) = path.last() {
            self.0.insert(name.clone(), path.clone());
        }
    }

    /// The path that a name stands for, other names of the file followed.
    pub(crate) fn path_of(&self, name: &str) -> Option<Vec<String>> {
        let mut path = self.0.get(name)?.clone();
        // `use a as b; use b::C;`: as often as there are names, and no more.
        for _ in 0..self.0.len() {
            match self.0.get(&path[0]) {
                Some(of) if of[0] != path[0] => {
                    path.splice(..1, of.iter().cloned());
                }
                _ => break,
            }
        }
        Some(path)
    }
}

/// The parts between commas; those within angle brackets part nothing.
pub(crate) fn split(stream: TokenStream) -> Vec<Vec<TokenTree>> {
    let (mut parts, mut part, mut depth) = (Vec::new(), Vec::new(), 0_usize);
    let mut after_dash = false;
    for token in stream {
        let sign = sign(&token);
        match sign {
            Some('<') => depth += 1,
            Some('>') if !after_dash => depth = depth.saturating_sub(1),
            Some(',') if depth == 0 => {
                parts.push(std::mem::take(&mut part));
                continue;
            }
            _ => {}
        }
        after_dash = sign == Some('-');
        part.push(token);
    }
    parts.push(part);
    parts.retain(|part| !part.is_empty());
    parts
}

/// The sign that a token is.
pub(crate) fn sign(token: &TokenTree) -> Option<char> {
    match token {
        TokenTree::Punct(sign) => Some(sign.as_char()),
        _ => None,
    }
}

/// Whether a token is this word.
pub(crate) fn is_word(token: Option<&TokenTree>, word: &str) -> bool {
    matches!(token, Some(TokenTree::Ident(ident)) if ident == word)
}

/// The tokens of a group with these brackets.
pub(crate) fn group(token: &TokenTree, brackets: Delimiter) -> Option<TokenStream> {
    match token {
        TokenTree::Group(group) if group.delimiter() == brackets => Some(group.stream()),
        _ => None,
    }
}

/// The tokens without attributes, those in groups included, in one row.
pub(crate) fn flat(tokens: &[TokenTree]) -> Vec<TokenTree> {
    let mut row = Vec::new();
    let mut tokens = tokens.iter().peekable();
    while let Some(token) = tokens.next() {
        let attribute = sign(token) == Some('#')
            && tokens.peek().is_some_and(|next| group(next, Delimiter::Bracket).is_some());
        match token {
            _ if attribute => drop(tokens.next()),
            TokenTree::Group(group) => {
                row.extend(flat(&group.stream().into_iter().collect::<Vec<_>>()));
                // So that what stands before a group does not run into what stands behind it.
                row.push(TokenTree::Punct(proc_macro2::Punct::new(
                    ';',
                    proc_macro2::Spacing::Alone,
                )));
            }
            token => row.push(token.clone()),
        }
    }
    row
}

/// The first words of all paths in a signature, each with whether more of the path follows.
pub(crate) fn heads(tokens: &[TokenTree]) -> Vec<(String, bool)> {
    let row = flat(tokens);
    let at = |at: Option<usize>| at.and_then(|at| row.get(at)).and_then(sign);
    let mut heads = Vec::new();
    for (place, token) in row.iter().enumerate() {
        let TokenTree::Ident(word) = token else { continue };
        let before = |back: usize| place.checked_sub(back);
        let after_colons = at(before(1)) == Some(':') && at(before(2)) == Some(':');
        let goes_on = at(Some(place + 1)) == Some(':') && at(Some(place + 2)) == Some(':');
        let is_label = at(Some(place + 1)) == Some(':') && !goes_on;
        let is_lifetime = at(before(1)) == Some('\'');
        // `::name` begins at a crate; `a::name` and `<A>::name` go on.
        let goes_on_from = before(3).is_some_and(|at| match &row[at] {
            TokenTree::Ident(word) => !is_keyword(&word.to_string()),
            other => {
                sign(other) == Some('>') && row.get(at.wrapping_sub(1)).and_then(sign) != Some('-')
            }
        });
        if (after_colons && goes_on_from) || is_label || is_lifetime {
            continue;
        }
        heads.push((word.to_string(), goes_on));
    }
    heads
}

fn is_keyword(word: &str) -> bool {
    ["dyn", "impl", "for", "mut", "const", "where", "as", "in", "use"].contains(&word)
}
