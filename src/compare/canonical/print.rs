//! One syntax tree as a line of tokens, in which equal definitions are equal.
//!
//! Every token of the tree is printed, in its order, unless one of the rules leaves it out or moves it:
//! * an AND directly inside an AND has no parentheses, neither has an OR inside an OR;
//! * a cast of `ARRAY[…]` is moved to each element (as PostgreSQL does when the text is loaded again);
//! * a column alias that the server would choose itself is left out ([`super::implicit_column_name`]);
//! * the AS before the alias of a table is left out: it is optional, and majors differ where INSERT, UPDATE, DELETE and MERGE have one;
//! * the qualifier of the only relation of a view is left out ([`super::qualifier`]).

use squawk_syntax::{SyntaxElement, SyntaxKind, SyntaxNode, SyntaxToken};

use super::arrays::Arrays;
use super::implicit_column_name;
use super::qualifier::Qualifier;
use super::quoting;

/// Input of the printing beside the tree.
#[derive(Debug)]
pub struct PrintContext<'a> {
    /// The qualifier that may be left out, for a view.
    pub qualifier: Option<Qualifier>,
    /// What is an array.
    pub arrays: Arrays<'a>,
    /// Bodies of functions, which were taken out before parsing, in order.
    pub bodies: Vec<&'a str>,
}

/// Prints the tree.
pub fn print(root: &SyntaxNode, context: &PrintContext<'_>) -> String {
    let mut printer = Printer { context, text: String::new(), end: None, body: 0 };
    printer.node(root);
    printer.text
}

struct Printer<'a> {
    context: &'a PrintContext<'a>,
    text: String,
    /// Where the last printed token ended in the source, when it was a part of an operator.
    end: Option<u32>,
    body: usize,
}

impl Printer<'_> {
    fn node(&mut self, node: &SyntaxNode) {
        match node.kind() {
            SyntaxKind::PAREN_EXPR if is_flattened(node) => self.inside(node),
            SyntaxKind::CAST_EXPR => self.cast(node),
            SyntaxKind::AS_NAME if implicit_column_name::is_invented(node) => {}
            SyntaxKind::FIELD_EXPR if self.context.qualifier.as_ref().is_some_and(|rule| rule.is_dropped(node)) => {
                node.last_child().iter().for_each(|column| self.node(column));
            }
            _ => self.children(node),
        }
    }

    fn children(&mut self, node: &SyntaxNode) {
        node.children_with_tokens().for_each(|child| self.element(child));
    }

    fn element(&mut self, element: SyntaxElement) {
        match element {
            SyntaxElement::Node(node) => self.node(&node),
            SyntaxElement::Token(token) => self.token(&token),
        }
    }

    /// What is between the parentheses.
    fn inside(&mut self, node: &SyntaxNode) {
        node.children().for_each(|child| self.node(&child));
    }

    /// The operand of a cast is in parentheses, whether it needs them or not.
    fn cast(&mut self, cast: &SyntaxNode) {
        let operand = cast.first_child().filter(is_unambiguous);
        match operand {
            _ if self.cast_of_array(cast).is_some() => {}
            Some(operand) if cast.first_child_or_token().is_some_and(|first| first.as_node() == Some(&operand)) => {
                self.push("(");
                self.node(&peel(&operand));
                self.push(")");
                self.rest(cast, &operand);
            }
            _ => self.children(cast),
        }
    }

    fn rest(&mut self, node: &SyntaxNode, first: &SyntaxNode) {
        let rest = node.children_with_tokens().filter(|child| child.as_node() != Some(first));
        rest.for_each(|child| self.element(child));
    }

    /// Prints `(ARRAY[a, b])::T[]` as `ARRAY[(a)::T, (b)::T]`. None, and nothing printed, if it is something else.
    fn cast_of_array(&mut self, cast: &SyntaxNode) -> Option<()> {
        let array = peel(&cast.first_child()?);
        let target = cast.last_child()?;
        let element = element_type(&target)?;
        if !self.can_distribute(&array) {
            return None;
        }
        self.distribute(&array, &element);
        Some(())
    }

    fn can_distribute(&self, array: &SyntaxNode) -> bool {
        is_array_constructor(array)
            && array.children().next().is_some()
            && array
                .children()
                .all(|element| self.context.arrays.is_scalar(&element) || self.can_distribute(&peel(&element)))
    }

    fn distribute(&mut self, array: &SyntaxNode, element_type: &[SyntaxToken]) {
        for child in array.children_with_tokens() {
            match child {
                SyntaxElement::Node(element) if is_array_constructor(&peel(&element)) => {
                    self.distribute(&peel(&element), element_type);
                }
                SyntaxElement::Node(element) => {
                    self.push("(");
                    self.node(&peel(&element));
                    self.push(")");
                    self.push("::");
                    element_type.iter().for_each(|token| self.token(token));
                }
                SyntaxElement::Token(token) => self.token(&token),
            }
        }
    }

    fn token(&mut self, token: &SyntaxToken) {
        match token.kind() {
            SyntaxKind::WHITESPACE => {}
            SyntaxKind::AS_KW if is_before_table_alias(token) => {}
            SyntaxKind::IDENT => self.push(quoting::identifier(token.text())),
            SyntaxKind::DOLLAR_QUOTED_STRING => {
                let body = self.context.bodies.get(self.body).copied();
                self.push(body.unwrap_or(token.text()));
                self.body += 1;
            }
            _ => self.operator(token),
        }
    }

    /// `@-` is one operator, `@ -` are two: parts that touch each other stay together.
    fn operator(&mut self, token: &SyntaxToken) {
        let text = token.text();
        let is_part = !text.contains(|c: char| c.is_alphanumeric() || c.is_whitespace() || "'\"(),;[]_$".contains(c));
        let (start, end) = (u32::from(token.text_range().start()), u32::from(token.text_range().end()));
        if is_part && self.end == Some(start) {
            self.text.push_str(text);
        } else {
            self.push(text);
        }
        self.end = is_part.then_some(end);
    }

    fn push(&mut self, text: &str) {
        self.text.push(' ');
        self.text.push_str(text);
        self.end = None;
    }
}

/// `AS (a integer)` names no table, so its AS stays.
fn is_before_table_alias(token: &SyntaxToken) -> bool {
    use SyntaxKind::{FROM_ALIAS, OPTIONAL_AS_ALIAS, REQUIRED_AS_ALIAS, TABLE_ALIAS};
    token.parent().is_some_and(|parent| {
        matches!(parent.kind(), FROM_ALIAS | OPTIONAL_AS_ALIAS | REQUIRED_AS_ALIAS)
            && parent.children().any(|child| child.kind() == TABLE_ALIAS)
    })
}

/// Whether a cast after this can only mean all of it.
fn is_unambiguous(operand: &SyntaxNode) -> bool {
    use SyntaxKind::{ARRAY_EXPR, CALL_EXPR, CAST_EXPR, FIELD_EXPR, LITERAL, NAME_REF, PAREN_EXPR};
    matches!(operand.kind(), ARRAY_EXPR | CALL_EXPR | CAST_EXPR | FIELD_EXPR | LITERAL | NAME_REF | PAREN_EXPR)
}

/// The expression inside all its parentheses.
pub fn peel(node: &SyntaxNode) -> SyntaxNode {
    let mut node = node.clone();
    while node.kind() == SyntaxKind::PAREN_EXPR {
        let mut inside = node.children();
        match (inside.next(), inside.next()) {
            (Some(inner), None) => node = inner,
            _ => break,
        }
    }
    node
}

/// AND or OR, if this is a chain of them.
fn connective(node: &SyntaxNode) -> Option<SyntaxKind> {
    let is_chain = node.kind() == SyntaxKind::BIN_EXPR;
    let mut tokens = node.children_with_tokens().filter_map(|child| child.into_token()).map(|token| token.kind());
    tokens.find(|kind| is_chain && matches!(kind, SyntaxKind::AND_KW | SyntaxKind::OR_KW))
}

/// Parentheses around an AND that is an operand of an AND, or around an OR in an OR.
fn is_flattened(paren: &SyntaxNode) -> bool {
    let mut parents = paren.ancestors().skip_while(|parent| parent.kind() == SyntaxKind::PAREN_EXPR);
    let outer = parents.next().and_then(|parent| connective(&parent));
    outer.is_some() && outer == connective(&peel(paren))
}

fn is_array_constructor(node: &SyntaxNode) -> bool {
    let mut tokens = node.children_with_tokens().filter_map(|child| child.into_token()).map(|token| token.kind());
    node.kind() == SyntaxKind::ARRAY_EXPR && tokens.any(|kind| kind == SyntaxKind::L_BRACK)
}

/// The tokens of T, of a type `T[]` with one pair of brackets.
fn element_type(array: &SyntaxNode) -> Option<Vec<SyntaxToken>> {
    let bounds = array.children().filter(|child| child.kind() == SyntaxKind::ARRAY_BOUND);
    let is_plain = array.kind() == SyntaxKind::ARRAY_TYPE && bounds.map(|bound| bound.text() == "[]").eq([true]);
    let element = array.first_child().filter(|element| is_plain && element.kind() != SyntaxKind::ARRAY_TYPE)?;
    Some(element.descendants_with_tokens().filter_map(|child| child.into_token()).collect())
}
