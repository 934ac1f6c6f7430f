//! Reads the values of a document one by one, so that everything that has a wrong form is named by its path, and not only the first.

use std::fmt;

use serde::de::value::{Error as WordError, StrDeserializer};
use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};

use super::card_number::looks_like_card_number;
use super::document::Document;
use super::document::Step::{self, Index, Key};
use super::problem::{Problem, RowProblem, shortened};

/// JSON as it stands in the file: members in their order, also those that are there twice.
#[derive(Debug)]
pub(super) enum Tree {
    Null,
    Bool,
    /// A whole number that is not negative, or another one.
    Number(Option<u64>),
    Text(String),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

impl Tree {
    const fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Trees)
    }
}

struct Trees;

impl<'de> Visitor<'de> for Trees {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Tree, E> {
        Ok(Tree::Bool)
    }

    fn visit_u64<E>(self, number: u64) -> Result<Tree, E> {
        Ok(Tree::Number(Some(number)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Tree, E> {
        Ok(Tree::Number(u64::try_from(number).ok()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Tree, E> {
        Ok(Tree::Number(None))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = elements.next_element()? {
            list.push(element);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Tree, A::Error> {
        let mut object = Vec::new();
        while let Some(member) = members.next_entry()? {
            object.push(member);
        }
        Ok(Tree::Object(object))
    }
}

/// A value and where it stands.
#[derive(Debug)]
pub(super) struct Node<'t> {
    tree: &'t Tree,
    path: Vec<Step<'t>>,
}

impl<'t> Node<'t> {
    /// The document itself.
    pub(super) const fn root(tree: &'t Tree) -> Self {
        Self { tree, path: Vec::new() }
    }

    fn below(&self, step: Step<'t>, tree: &'t Tree) -> Self {
        Self { tree, path: self.path.iter().copied().chain([step]).collect() }
    }

    /// Its text, where it is one.
    pub(super) fn as_text(&self) -> Option<&'t str> {
        if let Tree::Text(text) = self.tree { Some(text) } else { None }
    }
}

/// The members of an object, of which each is asked for once.
#[derive(Debug)]
pub(super) struct Members<'t> {
    node: Node<'t>,
    members: &'t [(String, Tree)],
    known: Vec<&'static str>,
}

impl<'t> Members<'t> {
    fn take(&mut self, key: &'static str) -> Option<Node<'t>> {
        self.known.push(key);
        self.get(key)
    }

    /// A member, without asking for it.
    pub(super) fn get(&self, key: &'static str) -> Option<Node<'t>> {
        let member = self.members.iter().find(|(name, _)| name == key);
        member.map(|(_, tree)| self.node.below(Key(key), tree))
    }
}

/// A document that is being read, and what is wrong with it. Each method gives `None` where a value cannot be used, which is noted.
#[derive(Debug)]
pub(super) struct Form<'d> {
    document: &'d Document,
    problems: Vec<RowProblem>,
}

impl<'d> Form<'d> {
    pub(super) const fn new(document: &'d Document) -> Self {
        Self { document, problems: Vec::new() }
    }

    /// What is wrong, in the order of the file.
    pub(super) fn into_problems(mut self) -> Vec<RowProblem> {
        self.problems.sort_by_key(|problem| problem.line);
        self.problems
    }

    fn note_at(&mut self, path: &[Step<'_>], problem: Problem) {
        self.problems.push(self.document.problem(path, problem));
    }

    /// Notes what is wrong with a value.
    pub(super) fn note(&mut self, node: &Node<'_>, problem: Problem) {
        self.note_at(&node.path, problem);
    }

    fn wrong_type<T>(&mut self, node: &Node<'_>, expected: &'static str) -> Option<T> {
        self.note(node, Problem::WrongType { expected, found: node.tree.type_name() });
        None
    }

    /// PP-3: notes every text that looks like a card number, wherever it stands.
    pub(super) fn screen(&mut self, node: &Node<'_>) {
        match node.tree {
            Tree::Text(text) if looks_like_card_number(text) => self.note(node, Problem::CardNumber),
            Tree::Number(Some(number)) if looks_like_card_number(&number.to_string()) => self.note(node, Problem::CardNumber),
            Tree::List(list) => list.iter().enumerate().for_each(|(index, tree)| self.screen(&node.below(Index(index), tree))),
            Tree::Object(members) => {
                for (key, tree) in members {
                    if looks_like_card_number(key) {
                        self.note(node, Problem::CardNumber);
                    } else {
                        self.screen(&node.below(Key(key), tree));
                    }
                }
            }
            Tree::Null | Tree::Bool | Tree::Number(_) | Tree::Text(_) => {}
        }
    }

    /// The members of an object.
    pub(super) fn object<'t>(&mut self, node: &Node<'t>) -> Option<Members<'t>> {
        let Tree::Object(members) = node.tree else { return self.wrong_type(node, "an object") };
        for (position, (key, _)) in members.iter().enumerate() {
            if members.iter().take(position).any(|(before, _)| before == key) {
                self.note_at(&node.below(Key(key), node.tree).path, Problem::RepeatedColumn);
            }
        }
        Some(Members { node: Node { tree: node.tree, path: node.path.clone() }, members, known: Vec::new() })
    }

    /// Notes the members that nobody asked for.
    pub(super) fn end(&mut self, object: &Members<'_>) {
        for (key, _) in object.members.iter().filter(|(key, _)| !object.known.contains(&key.as_str())) {
            let problem = Problem::UnknownKey { expected: object.known.join(", ") };
            let shown = shortened(key);
            let path: Vec<Step<'_>> = object.node.path.iter().copied().chain([Key(&shown)]).collect();
            self.note_at(&path, problem);
        }
    }

    /// A member that must be there.
    pub(super) fn required<'t, T>(
        &mut self,
        object: &mut Members<'t>,
        key: &'static str,
        read: impl FnOnce(&mut Self, &Node<'t>) -> Option<T>,
    ) -> Option<T> {
        if let Some(node) = object.take(key) {
            return read(self, &node);
        }
        self.note_at(&object.node.below(Key(key), object.node.tree).path, Problem::Missing);
        None
    }

    /// A member that has a value of its own where it is left out, or null.
    pub(super) fn defaulting<'t, T>(
        &mut self,
        object: &mut Members<'t>,
        key: &'static str,
        default: T,
        read: impl FnOnce(&mut Self, &Node<'t>) -> Option<T>,
    ) -> Option<T> {
        let node = object.take(key).filter(|node| !matches!(node.tree, Tree::Null));
        node.map_or(Some(default), |node| read(self, &node))
    }

    /// All elements of a list.
    pub(super) fn list<'t, T>(&mut self, node: &Node<'t>, read: impl Fn(&mut Self, &Node<'t>) -> Option<T>) -> Option<Vec<T>> {
        let Tree::List(list) = node.tree else { return self.wrong_type(node, "a list") };
        // Every element is read, also after one that cannot be used.
        let read: Vec<Option<T>> = list.iter().enumerate().map(|(index, element)| read(self, &node.below(Index(index), element))).collect();
        read.into_iter().collect()
    }

    /// A text.
    pub(super) fn text(&mut self, node: &Node<'_>) -> Option<String> {
        self.parsed(node, |text| Ok(text.to_owned()))
    }

    /// A text of some form.
    pub(super) fn parsed<T>(&mut self, node: &Node<'_>, parse: impl FnOnce(&str) -> Result<T, Problem>) -> Option<T> {
        let Some(text) = node.as_text() else { return self.wrong_type(node, "text") };
        match parse(text) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.note(node, problem.showing(text));
                None
            }
        }
    }

    /// A whole number.
    pub(super) fn number(&mut self, node: &Node<'_>) -> Option<u32> {
        let Tree::Number(number) = node.tree else { return self.wrong_type(node, "a whole number") };
        let fitting = number.and_then(|number| u32::try_from(number).ok());
        if fitting.is_none() {
            self.note(node, Problem::not_a("a whole number from 0 to 4294967295"));
        }
        fitting
    }

    /// One of the words of a type.
    pub(super) fn word<T: DeserializeOwned>(&mut self, node: &Node<'_>) -> Option<T> {
        self.parsed(node, |text| {
            let words = StrDeserializer::<WordError>::new(text);
            T::deserialize(words).map_err(|error| Problem::Shape { reason: error.to_string().chars().take(300).collect() })
        })
    }
}
