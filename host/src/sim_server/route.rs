//! Which interface a path belongs to.

use super::vendor::Vendor;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// Chat Completions; the model may stand in the path.
    Chat {
        deployment: Option<String>,
    },
    Responses,
    /// The list of models.
    Models,
    /// One of them.
    Model(String),
    Messages,
    Converse {
        model: String,
    },
    Invocations {
        endpoint: String,
    },
    Predict,
}

/// Returns what a path asks for, and whose it is.
pub(super) fn of(path: &str) -> Option<(Route, Vendor)> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let chat = |deployment: Option<&str>| Route::Chat {
        deployment: deployment.map(decoded),
    };
    Some(match parts[..] {
        ["v1", "chat", "completions"] | ["chat", "completions"] => (chat(None), Vendor::OpenAi),
        ["openai", "v1", "chat", "completions"] => (chat(None), Vendor::Azure),
        ["openai", "deployments", name, "chat", "completions"] => (chat(Some(name)), Vendor::Azure),
        ["environments", _, "sync", "v1", "chat", "completions"] => (chat(None), Vendor::Baseten),
        ["v1", "responses"] | ["responses"] => (Route::Responses, Vendor::OpenAi),
        ["openai", "v1", "responses"] => (Route::Responses, Vendor::Azure),
        ["v1", "models"] | ["models"] => (Route::Models, Vendor::OpenAi),
        ["v1", "models", name] | ["models", name] => (Route::Model(decoded(name)), Vendor::OpenAi),
        ["v1", "messages"] => (Route::Messages, Vendor::Anthropic),
        ["model", model, "converse"] => {
            let model = decoded(model);
            (Route::Converse { model }, Vendor::Bedrock)
        }
        ["endpoints", name, "invocations"] => {
            let endpoint = decoded(name);
            (Route::Invocations { endpoint }, Vendor::SageMaker)
        }
        ["predict"]
        | ["production" | "development", "predict"]
        | ["environments" | "deployment", _, "predict"] => (Route::Predict, Vendor::Baseten),
        _ => return None,
    })
}

/// Undoes the escapes of a part of a path.
fn decoded(part: &str) -> String {
    let bytes = part.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digits = part.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_read_out_of_the_path() {
        let path = "/model/arn%3Aaws%3Abedrock%2Fx/converse";
        let model = "arn:aws:bedrock/x".to_owned();
        assert_eq!(of(path), Some((Route::Converse { model }, Vendor::Bedrock)));
        for odd in ["%", "%2", "%zz", "é%"] {
            assert_eq!(decoded(odd), odd);
        }
    }
}
