//! Doc comments as Markdown descriptions.

use syn::{Attribute, Expr, ExprLit, Lit, Meta, MetaNameValue};

/// The Markdown of the doc comments among `attributes`; empty where there are none.
///
/// The lines of a paragraph are joined, since a description stands in list items and in terminals of any width.
pub(crate) fn description(attributes: &[Attribute]) -> syn::Result<String> {
    let mut lines = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("doc")) {
        match &attribute.meta {
            Meta::NameValue(MetaNameValue { value: Expr::Lit(ExprLit { lit: Lit::Str(text), .. }), .. }) => {
                lines.extend(text.value().split('\n').map(|line| line.strip_prefix(' ').unwrap_or(line).to_owned()));
            }
            // `#[doc(hidden)]` and its like say nothing to a reader.
            Meta::List(_) | Meta::Path(_) => {}
            Meta::NameValue(other) => {
                return Err(syn::Error::new_spanned(&other.value, "a description is written as text"));
            }
        }
    }
    Ok(paragraphs(&lines))
}

/// Joins lines that Markdown would show as one; blank lines, lists, tables, headings and code stay as written.
fn paragraphs(lines: &[String]) -> String {
    let mut text = String::new();
    let mut in_code = false;
    let mut may_continue = false;
    for line in lines.iter().map(|line| line.trim_end()) {
        let is_fence = line.trim_start().starts_with("```");
        let joins = may_continue && !in_code && !is_fence && !line.is_empty() && !begins_block(line);
        if joins {
            text.push(' ');
            text.push_str(line.trim_start());
        } else {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(line);
        }
        if is_fence {
            in_code = !in_code;
        }
        may_continue = !in_code && !is_fence && !line.is_empty() && !line.starts_with(['#', '|']);
    }
    text.trim_end().to_owned()
}

fn begins_block(line: &str) -> bool {
    let line = line.trim_start();
    let after_digits = line.trim_start_matches(|c: char| c.is_ascii_digit());
    line.starts_with(['#', '|', '>'])
        || ["- ", "* ", "+ "].iter().any(|marker| line.starts_with(marker))
        || (after_digits.len() < line.len() && after_digits.starts_with(". "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &[&str], expected: &str) {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        assert_eq!(paragraphs(&lines), expected);
    }

    #[test]
    fn joins_the_lines_of_a_paragraph_only() {
        check(&["One", "sentence.", "", "Another", "one."], "One sentence.\n\nAnother one.");
        check(&["Either:", "- one", "  more", "- two", "1. three"], "Either:\n- one more\n- two\n1. three");
        check(&["So:", "```hcl", "a = 1", "b = 2", "```", "Done", "."], "So:\n```hcl\na = 1\nb = 2\n```\nDone .");
        check(&["# Title", "text", "| a |", "| b |"], "# Title\ntext\n| a |\n| b |");
        check(&[], "");
    }
}
