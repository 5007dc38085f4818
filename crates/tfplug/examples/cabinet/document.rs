//! `cabinet_document`: one file in the directory.

use std::io::{Error, ErrorKind};
use std::path::PathBuf;

use tfplug::{
    Attr, Call, Change, Create, Delete, Diagnostic, Diagnostics, ImportId, Model, Path, Resource, SetOf, Update,
    async_trait,
};

use crate::Cabinet;

/// A document in the cabinet.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub(crate) struct Document {
    /// The document's name, which is its file's name. Changing it makes a new document.
    #[attribute(required, requires_replace, validate = [string_length(1..=100), matches("^[a-z0-9-]+$", "lower-case letters, digits and dashes")])]
    name: Attr<String>,
    /// The text.
    #[attribute(optional, computed, default = "")]
    content: Attr<String>,
    /// Words to find it by.
    #[attribute(optional)]
    keywords: SetOf<String>,
    /// Whether a destroy is refused. Set it to `false` and apply before destroying.
    #[attribute(optional, computed, default = false)]
    protected: Attr<bool>,
    /// The document's id, which never changes: its name.
    #[attribute(computed, not_null, change = never)]
    id: Attr<String>,
    /// The length of the text in bytes.
    #[attribute(computed, not_null, change = depends_on("content"))]
    bytes: Attr<i64>,
}

/// What tells documents apart.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub(crate) struct DocumentIdentity {
    /// The document's name.
    #[attribute(required)]
    name: Attr<String>,
}

pub(crate) struct Documents;

#[async_trait]
impl Resource for Documents {
    type Client = Cabinet;
    type State = Document;
    type Identity = DocumentIdentity;

    fn type_name(&self) -> &'static str {
        "cabinet_document"
    }

    async fn plan(&self, _: &Call<Cabinet>, change: &mut Change<Document>) -> Result<(), Diagnostics> {
        // What follows from the configuration alone is known before anything is done.
        if let (Attr::Known(content), Attr::Unknown(_)) = (&change.plan.content, &change.plan.bytes) {
            change.plan.bytes = length(content);
        }
        Ok(())
    }

    async fn plan_delete(&self, _: &Call<Cabinet>, state: &Document) -> Result<(), Diagnostics> {
        if state.protected == Attr::Known(true) {
            let detail = "Set protected = false and apply, then destroy.";
            return Err(Diagnostic::error("The document is protected", detail)
                .at(Path::root().attribute("protected"))
                .into());
        }
        Ok(())
    }

    async fn create(&self, call: &Call<Cabinet>, create: Create<Document>) -> Result<Document, Diagnostics> {
        let mut state = create.plan;
        let file = file(call, &state)?;
        if file.exists() {
            return Err(failed("create", &file, &Error::from(ErrorKind::AlreadyExists)));
        }
        state.id = state.name.clone();
        // From here on the document may exist: whatever happens next, core learns of it.
        create.checkpoint.save(&state);
        write(&file, &state)?;
        Ok(state)
    }

    async fn read(&self, call: &Call<Cabinet>, mut state: Document) -> Result<Option<Document>, Diagnostics> {
        let file = file(call, &state)?;
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("read", &file, &error)),
        };
        let mut stored: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| failed("read", &file, &error.into()))?;
        let content = stored["content"].take();
        let keywords: Vec<String> = serde_json::from_value(stored["keywords"].take()).unwrap_or_default();
        let content = content.as_str().unwrap_or_default().to_owned();
        state.bytes = length(&content);
        state.content = content.into();
        if !(keywords.is_empty() && state.keywords.is_null()) {
            state.keywords = Attr::Known(keywords.into_iter().collect());
        }
        state.id = state.name.clone();
        if state.protected.is_null() {
            state.protected = false.into();
        }
        Ok(Some(state))
    }

    async fn update(&self, call: &Call<Cabinet>, update: Update<Document>) -> Result<Document, Diagnostics> {
        write(&file(call, &update.plan)?, &update.plan)?;
        Ok(update.plan)
    }

    async fn delete(&self, call: &Call<Cabinet>, delete: Delete<Document>) -> Result<(), Diagnostics> {
        let file = file(call, &delete.state)?;
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("delete", &file, &error)),
            _ => Ok(()),
        }
    }

    fn identity(&self, state: &Document) -> Option<DocumentIdentity> {
        Some(DocumentIdentity { name: state.name.clone() })
    }

    async fn import(&self, _: &Call<Cabinet>, id: ImportId<DocumentIdentity>) -> Result<Document, Diagnostics> {
        let name = match id {
            ImportId::Id(name) => name.into(),
            ImportId::Identity(identity) => identity.name,
        };
        Ok(Document { name, ..Document::default() })
    }
}

fn length(content: &str) -> Attr<i64> {
    i64::try_from(content.len()).ok().into()
}

fn file(call: &Call<Cabinet>, document: &Document) -> Result<PathBuf, Diagnostics> {
    let directory = call.client()?.directory.as_ref().ok_or_else(|| {
        Diagnostic::error(
            "The cabinet's directory is not known yet",
            "It comes from a resource that is not applied yet: apply that first, with -target.",
        )
    })?;
    Ok(directory.join(format!("{}.json", document.name.known().map_or("", String::as_str))))
}

fn write(file: &std::path::Path, document: &Document) -> Result<(), Diagnostics> {
    let keywords: Vec<&String> =
        document.keywords.known().into_iter().flat_map(|words| words.iter().filter_map(Attr::known)).collect();
    let stored = serde_json::json!({ "content": document.content.known(), "keywords": keywords });
    if let Some(directory) = file.parent() {
        std::fs::create_dir_all(directory).map_err(|error| failed("write", file, &error))?;
    }
    std::fs::write(file, stored.to_string()).map_err(|error| failed("write", file, &error))
}

fn failed(verb: &str, file: &std::path::Path, error: &Error) -> Diagnostics {
    let detail = format!("{}: {error}. Check that the directory may be written to.", file.display());
    Diagnostic::error(format!("Unable to {verb} a document"), detail).into()
}
