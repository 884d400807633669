//! Books, and the content that a librarian writes.

use std::hash::{Hash as _, Hasher as _};

use bookshelf_crd::book::{BookSpec, limits};
use bookshelf_crd::rules::{self, Rule};
use bookshelf_crd::{self as crd, labels, management, text};
use kube::ResourceExt as _;
use serde_json::{Map, Value, json};
use siphasher::sip::SipHasher13;

use super::super::error::{Field, Invalid};
use super::super::imprint::Imprint;
use super::super::version::Version;
use super::{Management, Unconvertible, version};

/// A book.
#[derive(Clone, Debug)]
pub struct Book {
    /// The object's name.
    pub id: String,
    /// The object's namespace.
    pub namespace_id: String,
    /// The author. Never only white space.
    pub author: String,
    /// The title. Never only white space.
    pub title: String,
    /// Never empty.
    pub description: Option<String>,
    /// Never empty.
    pub category_id: Option<String>,
    /// The manager of the object, from its label or the mark of a GitOps tool. Never empty.
    pub managed_by: Option<String>,
    pub(in super::super) management: Management,
    pub(in super::super) imprint: Option<Imprint>,
    /// True while the deleted book waits for its finalizers.
    pub is_being_deleted: bool,
    /// The version.
    pub version: Version,
}

impl TryFrom<&crd::Book> for Book {
    type Error = Unconvertible;

    fn try_from(object: &crd::Book) -> Result<Self, Unconvertible> {
        let BookSpec {
            author,
            title,
            description,
        } = &object.spec;
        // The schema of an earlier release allowed more than the current one. Such a book is served, so that its
        // librarian can correct it.
        for (field, text) in [("author", author), ("title", title)] {
            let is_blank = text.trim().is_empty();
            Invalid::check(
                Field::Content(field),
                if is_blank { Err(Rule::NotBlank) } else { Ok(()) },
            )?;
        }
        Ok(Self {
            id: object.name_any(),
            namespace_id: object.namespace().unwrap_or_default(),
            author: author.clone(),
            title: title.clone(),
            description: description.clone().filter(|text| !text.is_empty()),
            category_id: labels::value(object, labels::CATEGORY).map(str::to_owned),
            managed_by: management::manager(object).map(str::to_owned),
            management: Management::of(object),
            imprint: Imprint::on(object),
            is_being_deleted: object.metadata.deletion_timestamp.is_some(),
            version: version(object)?,
        })
    }
}

impl Book {
    /// Returns a hash of the content, to detect changes of it.
    pub(in super::super) fn content_hash(&self) -> u32 {
        let Self {
            author,
            title,
            description,
            category_id,
            // Not content.
            id: _,
            namespace_id: _,
            managed_by: _,
            management: _,
            imprint: _,
            is_being_deleted: _,
            version: _,
        } = self;
        let mut hasher = SipHasher13::new();
        (author, title, description, category_id).hash(&mut hasher);
        // Half of the bits suffice.
        u32::try_from(hasher.finish() >> 32).unwrap_or_default()
    }
}

/// The content of a book that a librarian writes.
#[derive(Clone, Debug)]
pub struct BookContent {
    pub(in super::super) spec: BookSpec,
    pub(in super::super) category: Option<String>,
}

impl BookContent {
    /// Checks the rules. An empty description or category counts as absent.
    pub fn new(
        author: String,
        title: String,
        description: String,
        category: String,
    ) -> Result<Self, Invalid> {
        Invalid::check(Field::Content("author"), text::line(&author, limits::AUTHOR_MAX))?;
        Invalid::check(Field::Content("title"), text::line(&title, limits::TITLE_MAX))?;
        Invalid::check(
            Field::Content("description"),
            text::paragraphs(&description, limits::DESCRIPTION_MAX),
        )?;
        Invalid::check(Field::Category, rules::label_value(&category))?;
        let description = Some(description).filter(|text| !text.is_empty());
        let category = Some(category).filter(|category| !category.is_empty());
        Ok(Self {
            spec: BookSpec {
                author,
                title,
                description,
            },
            category,
        })
    }

    /// Returns the merge patch that replaces the content of a book, and marks it as managed by bookshelf.
    pub(in super::super) fn merge_patch(&self) -> Value {
        let fields = self.spec_fields().into_iter();
        // In a merge patch (RFC 7396) null removes a field, and an absent one stays.
        let spec: Map<String, Value> = fields
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        json!({
            "metadata": {"labels": {
                (labels::CATEGORY): self.category,
                (labels::MANAGED_BY): labels::MANAGED_BY_BOOKSHELF,
            }},
            "spec": spec,
        })
    }

    /// Returns the fields of the spec for a patch, by name: a value of `None` removes the field.
    pub(in super::super) fn spec_fields(&self) -> [(&'static str, Option<&str>); 3] {
        let BookSpec {
            author,
            title,
            description,
        } = &self.spec;
        [
            ("author", Some(author)),
            ("title", Some(title)),
            ("description", description.as_deref()),
        ]
    }

    /// Returns the parts that an imprint covers. A field that a later release adds must not add a part while it is
    /// absent: the imprints of earlier releases are compared with these.
    pub(in super::super) fn imprinted(&self) -> Vec<&str> {
        let [author, title, description] = self.spec_fields().map(|(_, value)| value.unwrap_or_default());
        vec![
            author,
            title,
            description,
            self.category.as_deref().unwrap_or_default(),
        ]
    }

    /// Returns the book as it was created with this content, and whether it is unchanged since.
    pub(in super::super) fn as_made(&self, existing: Book) -> (Book, bool) {
        let Self {
            spec:
                BookSpec {
                    author,
                    title,
                    description,
                },
            category,
        } = self;
        let is_unchanged = existing.author == *author
            && existing.title == *title
            && existing.description == *description
            && existing.category_id == *category
            && existing.managed_by.as_deref() == Some(labels::MANAGED_BY_BOOKSHELF);
        let made = Book {
            author: author.clone(),
            title: title.clone(),
            description: description.clone(),
            category_id: category.clone(),
            managed_by: Some(labels::MANAGED_BY_BOOKSHELF.to_owned()),
            ..existing
        };
        (made, is_unchanged)
    }
}
