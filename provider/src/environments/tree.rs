//! YAML as a tree whose every node knows its line and column. Scalars stay as written: `1.30` is no number here.

use std::collections::HashMap;
use std::fmt;

use granit_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span};

/// The largest file: some thousand environments.
pub(super) const MAX_BYTES: usize = 1024 * 1024;

/// Nodes of the whole tree, with aliases written out: what a file of [`MAX_BYTES`] can hold without any. A file that
/// refers to itself again and again ("YAML bomb") ends here.
pub(super) const MAX_NODES: usize = 200_000;

/// Collections inside each other: the form has eight at most.
pub(super) const MAX_DEPTH: usize = 32;

/// A node and where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) tree: Tree,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tree {
    Null,
    Scalar(String),
    List(Vec<Node>),
    /// In the order of the file; no key stands twice.
    Mapping(Vec<(Key, Node)>),
}

/// A key of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) place: Place,
    pub(super) text: String,
}

/// A line and a column, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    line: usize,
    column: usize,
}

/// Something wrong in a file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) place: Place,
    pub(super) what: String,
}

impl Place {
    fn of(mark: &Marker) -> Self {
        Self { line: mark.line(), column: mark.col() + 1 }
    }
}

impl Problem {
    pub(super) fn new(place: Place, what: impl Into<String>) -> Self {
        Self { place, what: what.into() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// Reads a file of one document; `None` where it is empty.
///
/// # Errors
/// It is no YAML, or larger than the limits.
pub(super) fn parse(text: &str) -> Result<Option<Node>, Problem> {
    if text.len() > MAX_BYTES {
        let what = format!("the file has {} bytes, more than {MAX_BYTES}", text.len());
        return Err(Problem::new(Place { line: 1, column: 1 }, what));
    }
    let mut reader = Reader { events: Parser::new_from_str(text), anchors: HashMap::new(), nodes: 0 };
    let mut document = None;
    loop {
        match reader.next()? {
            (Event::StreamEnd, _) => return Ok(document),
            (Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd, _) => {}
            (event, span) if document.is_none() => document = Some(reader.node(event, span, 0)?),
            (_, span) => {
                return Err(Problem::new(Place::of(&span.start), "a second document begins; the file has one"));
            }
        }
    }
}

struct Reader<'t, I: granit_parser::BorrowedInput<'t>> {
    events: Parser<'t, I>,
    /// What aliases stand for, and of how many nodes that is made.
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
}

impl<'t, I: granit_parser::BorrowedInput<'t>> Reader<'t, I> {
    /// The next event that means something.
    fn next(&mut self) -> Result<(Event<'t>, Span), Problem> {
        loop {
            match self.events.next() {
                None => return Ok((Event::StreamEnd, Span::empty(Marker::default()))),
                Some(Ok((Event::Comment(..) | Event::Anchor(..), _))) => {}
                Some(Ok(event)) => return Ok(event),
                Some(Err(error)) => return Err(malformed(&error)),
            }
        }
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Node, Problem> {
        let place = Place::of(&span.start);
        if depth > MAX_DEPTH {
            return Err(Problem::new(place, format!("more than {MAX_DEPTH} collections are inside each other")));
        }
        let before = self.nodes;
        self.count(place, 1)?;
        let (tree, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => (scalar(&text, style), anchor),
            Event::SequenceStart(_, anchor, _) => (Tree::List(self.list(depth)?), anchor),
            Event::MappingStart(_, anchor, _) => (Tree::Mapping(self.mapping(depth)?), anchor),
            Event::Alias(anchor) => {
                let Some((node, size)) = self.anchors.get(&anchor).cloned() else {
                    return Err(Problem::new(place, "the alias stands inside what it refers to"));
                };
                self.count(place, size)?;
                // What is wrong in it is told where it is used.
                return Ok(Node { place, tree: node.tree });
            }
            // Ends of what has not begun, and events that the parser gets later.
            _ => return Err(Problem::new(place, "a value is missing")),
        };
        let node = Node { place, tree };
        // Anchors are counted from 1.
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), self.nodes - before));
        }
        Ok(node)
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Problem> {
        let mut elements = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(elements),
                (event, span) => elements.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Vec<(Key, Node)>, Problem> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        let mut seen: HashMap<String, Place> = HashMap::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(entries);
            }
            let Node { place, tree } = self.node(event, span, depth + 1)?;
            let Tree::Scalar(text) = tree else {
                return Err(Problem::new(place, "a key is a text"));
            };
            if let Some(first) = seen.insert(text.clone(), place) {
                let what = format!("key {:?} stands twice, first at {first}", shortened(&text));
                return Err(Problem::new(place, what));
            }
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            entries.push((Key { place, text }, value));
        }
    }

    fn count(&mut self, place: Place, nodes: usize) -> Result<(), Problem> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MAX_NODES {
            let what = format!("with its aliases written out, the file has more than {MAX_NODES} values");
            return Err(Problem::new(place, what));
        }
        Ok(())
    }
}

/// Null has three spellings in YAML's core schema, none of them in quotes.
fn scalar(text: &str, style: ScalarStyle) -> Tree {
    let is_null = style == ScalarStyle::Plain && ["", "~", "null", "Null", "NULL"].contains(&text);
    if is_null { Tree::Null } else { Tree::Scalar(text.to_owned()) }
}

/// Enough of a text to recognize it.
pub(super) fn shortened(text: &str) -> &str {
    /// As long as a long name.
    const SHOWN_CHARS: usize = 40;
    text.char_indices().nth(SHOWN_CHARS).map_or(text, |(end, _)| &text[..end])
}

fn malformed(error: &ScanError) -> Problem {
    Problem::new(Place::of(error.marker()), format!("this is no YAML: {}", error.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn scalars_stay_as_written_and_know_their_place() {
        let node = parse("a: 1.30\nb:\n  - 'null'\n  - null\n").unwrap().unwrap();
        let Tree::Mapping(entries) = node.tree else { panic!("{node:?}") };
        assert_eq!(entries[0].1.tree, Tree::Scalar("1.30".to_owned()));
        assert_eq!(entries[0].1.place, Place { line: 1, column: 4 });
        let Tree::List(elements) = &entries[1].1.tree else { panic!("{entries:?}") };
        assert_eq!(elements[0].tree, Tree::Scalar("null".to_owned()));
        assert_eq!(elements[1].tree, Tree::Null);
        assert_eq!(elements[1].place, Place { line: 4, column: 5 });
    }

    #[test]
    fn aliases_are_written_out() {
        let node = parse("a: &x { k: v }\nb: *x\n").unwrap().unwrap();
        let Tree::Mapping(entries) = node.tree else { panic!("{node:?}") };
        assert_eq!(entries[0].1.tree, entries[1].1.tree);
        assert_eq!(entries[1].1.place, Place { line: 2, column: 4 });
    }

    #[test]
    fn mistakes_have_a_place() {
        assert!(problem("environments: [\n- name").starts_with("line 2"), "{}", problem("environments: [\n- name"));
        assert_eq!(
            problem("a: 1\nb: 2\na: 3\n"),
            "line 3, column 1: key \"a\" stands twice, first at line 1, column 1"
        );
        assert!(problem("a: 1\n---\nb: 2\n").contains("second document"));
        assert!(problem("? [a]\n: b\n").contains("a key is a text"));
        assert!(problem("a: *nowhere").contains("line 1"));
    }

    #[test]
    fn bombs_do_not_go_off() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..10 {
            let inside = format!("*a{}, ", level - 1).repeat(10);
            bomb.push_str(&format!("a{level}: &a{level} [{inside}]\n"));
        }
        assert!(problem(&bomb).contains("more than 200000 values"), "{}", problem(&bomb));
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(problem(&nested(MAX_DEPTH + 2)).contains("inside each other"), "{}", problem(&nested(MAX_DEPTH + 2)));
        assert!(problem(&nested(10_000)).contains("recursion limit"), "{}", problem(&nested(10_000)));
        assert!(problem(&"-".repeat(MAX_BYTES + 1)).contains("more than 1048576"));
        assert!(problem("a: &a [*a]").contains("line 1"));
    }

    #[test]
    fn nothing_is_nothing() {
        assert_eq!(parse(""), Ok(None));
        assert_eq!(parse("# only a comment\n"), Ok(None));
    }
}
