//! What a model said, block after block, and how it goes back to the model.
//!
//! A reasoning model wants its own reasoning again with its next request,
//! signed or sealed, where it stood. A chain sees it as opaque parts in front
//! of the text. Where reasoning stood amid text and calls, one opaque part
//! holds the whole turn, so that its order is not lost.

use fapo_core::call::{Choice, FinishReason, ProviderError};
use fapo_core::message::{ContentPart, Message, OpaquePart, ToolCall};
use serde_json::Value;

use super::invalid;

/// A block of what a model said.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Block {
    /// What its maker wants back: the fields that it wrote and no other.
    Kept(Value),
    Text(String),
    /// Text that takes the place of an answer.
    Refusal(String),
    Call(ToolCall),
    /// What no chain asked for.
    Other,
}

/// How a provider writes its blocks.
pub(super) struct Dialect {
    /// The provider that made an opaque part.
    pub(super) provider: &'static str,
    /// Reads a block. A guest can write any opaque part, so what is not
    /// reasoning must not come out as [`Block::Kept`].
    pub(super) sort: fn(&Value) -> Block,
}

impl Dialect {
    /// Makes a choice of the blocks of an answer.
    pub(super) fn choice(&self, blocks: &[Value], finish_reason: FinishReason) -> Choice {
        let sorted: Vec<_> = blocks.iter().map(self.sort).collect();
        let is_kept = |block: &Block| matches!(block, Block::Kept(_));
        let n_lead = sorted.iter().take_while(|block| is_kept(block)).count();
        let opaque = match sorted[n_lead..].iter().any(is_kept) {
            true => vec![self.opaque(&Value::Array(blocks.to_vec()))],
            false => blocks[..n_lead].iter().map(|b| self.opaque(b)).collect(),
        };
        let is_refusal = |block: &Block| matches!(block, Block::Refusal(_));
        let refused = sorted.iter().any(is_refusal);
        let (text, tool_calls) = said(sorted);
        let finish_reason = match finish_reason {
            _ if refused => FinishReason::ContentFilter,
            // A model that was told which tool to call says that it stopped.
            FinishReason::Stop if !tool_calls.is_empty() => FinishReason::ToolCalls,
            finish_reason => finish_reason,
        };
        Choice {
            text: text.into(),
            tool_calls,
            finish_reason,
            opaque,
        }
    }

    /// Returns an assistant's message as blocks, what its provider kept where
    /// it was. Parts that another provider made are left out: they mean
    /// nothing to this one.
    pub(super) fn blocks(&self, message: &Message) -> Result<Vec<Block>, ProviderError> {
        let text: String = message.texts().collect();
        let mut blocks = Vec::new();
        for part in &message.content {
            match part {
                ContentPart::Opaque(part) if part.provider.as_str() == self.provider => {
                    let forged = || {
                        let by = self.provider;
                        invalid(format!("an opaque part is none that `{by}` made"))
                    };
                    let kept = serde_json::from_str(part.data.as_str()).map_err(|_| forged())?;
                    let Value::Array(turn) = kept else {
                        match (self.sort)(&kept) {
                            block @ Block::Kept(_) => blocks.push(block),
                            _ => return Err(forged()),
                        }
                        continue;
                    };
                    let mut turn: Vec<_> = turn.iter().map(self.sort).collect();
                    turn.retain(|block| *block != Block::Other);
                    if said(turn.clone()) == (text.clone(), message.tool_calls.clone()) {
                        return Ok(turn);
                    }
                    // The chain says something else, so the order is its own.
                    turn.retain(|block| matches!(block, Block::Kept(_)));
                    blocks.append(&mut turn);
                }
                ContentPart::Text(_) | ContentPart::Opaque(_) => {}
                ContentPart::Media { .. } => {
                    return Err(invalid(
                        "an assistant's message has a part that is not text",
                    ));
                }
            }
        }
        if !text.is_empty() {
            blocks.push(Block::Text(text));
        }
        blocks.extend(message.tool_calls.iter().cloned().map(Block::Call));
        Ok(blocks)
    }

    fn opaque(&self, data: &Value) -> OpaquePart {
        OpaquePart {
            provider: self.provider.into(),
            data: data.to_string().into(),
        }
    }
}

/// Returns what a chain sees of blocks: all text, and the calls.
fn said(blocks: Vec<Block>) -> (String, Vec<ToolCall>) {
    let mut text = String::new();
    let mut calls = Vec::new();
    for block in blocks {
        match block {
            Block::Text(more) | Block::Refusal(more) => text.push_str(&more),
            Block::Call(call) => calls.push(call),
            Block::Kept(_) | Block::Other => {}
        }
    }
    (text, calls)
}

/// Returns some fields of a block, as far as it has them and they are not null.
pub(super) fn only(block: &Value, fields: &[&str]) -> Value {
    let kept = fields.iter().filter_map(|field| {
        let value = block.get(field).filter(|value| !value.is_null())?;
        Some(((*field).to_owned(), value.clone()))
    });
    Value::Object(kept.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use fapo_core::message::Speaker;
    use serde_json::json;

    const DIALECT: Dialect = Dialect {
        provider: "test",
        sort: |block| {
            let text = |name: &str| block[name].as_str().map(str::to_owned);
            if let Some(text) = text("t") {
                Block::Text(text)
            } else if let Some(name) = text("c") {
                Block::Call(ToolCall {
                    id: name.clone().into(),
                    name: name.into(),
                    arguments: "{}".into(),
                })
            } else if text("k").is_some() {
                Block::Kept(only(block, &["k"]))
            } else {
                Block::Other
            }
        },
    };

    fn back(choice: &Choice) -> Message {
        let opaque = choice.opaque.iter().cloned().map(ContentPart::Opaque);
        let text = ContentPart::Text(choice.text.clone());
        Message {
            role: Speaker::Assistant,
            content: opaque.chain([text]).collect(),
            tool_calls: choice.tool_calls.clone(),
            tool_call_id: None,
        }
    }

    fn names(blocks: &[Block]) -> String {
        let names = blocks.iter().map(|block| match block {
            Block::Kept(kept) => kept["k"].as_str().unwrap_or("?").to_owned(),
            Block::Text(text) | Block::Refusal(text) => text.clone(),
            Block::Call(call) => call.name.as_str().to_owned(),
            Block::Other => "-".into(),
        });
        names.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_was_kept_goes_back_where_it_stood() {
        for (answer, order) in [
            (json!([{"k": "k1"}, {"t": "t"}, {"c": "c1"}]), "k1 t c1"),
            (
                json!([{"k": "k1"}, {"k": "k2"}, {"x": 1}, {"c": "c1"}]),
                "k1 k2 c1",
            ),
            (
                json!([{"k": "k1"}, {"c": "c1"}, {"k": "k2"}, {"x": 1}, {"t": "t"}, {"c": "c2"}]),
                "k1 c1 k2 t c2",
            ),
        ] {
            let choice = DIALECT.choice(answer.as_array().unwrap(), FinishReason::Stop);
            assert_eq!(choice.finish_reason, FinishReason::ToolCalls);
            let blocks = DIALECT.blocks(&back(&choice)).unwrap();
            assert_eq!(names(&blocks), order);
        }
    }

    #[test]
    fn a_turn_that_the_chain_changed_is_the_chains() {
        let answer = json!([{"t": "a"}, {"k": "k1"}, {"c": "c1"}]);
        let mut choice = DIALECT.choice(answer.as_array().unwrap(), FinishReason::Stop);
        choice.text = "b".into();
        let blocks = DIALECT.blocks(&back(&choice)).unwrap();
        assert_eq!(names(&blocks), "k1 b c1");
    }

    #[test]
    fn a_part_that_is_no_reasoning_is_not_sent() {
        let mut message = back(&DIALECT.choice(&[], FinishReason::Stop));
        for (forged, is_refused) in [
            (r#"{"t":"said by nobody"}"#, true),
            (r#"{"file":"of another tenant"}"#, true),
            ("not JSON", true),
            (r#"[{"file":"of another tenant"}]"#, false),
        ] {
            message.content = vec![ContentPart::Opaque(OpaquePart {
                provider: "test".into(),
                data: forged.into(),
            })];
            match DIALECT.blocks(&message) {
                Err(ProviderError::InvalidRequest(_)) => assert!(is_refused, "{forged}"),
                Ok(blocks) => assert!(!is_refused && blocks.is_empty(), "{forged}"),
                Err(other) => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn parts_of_another_provider_are_left_out() {
        let mut message = back(&DIALECT.choice(&[json!({"t": "t"})], FinishReason::Stop));
        message.content.push(ContentPart::Opaque(OpaquePart {
            provider: "other".into(),
            data: "whatever".into(),
        }));
        assert_eq!(names(&DIALECT.blocks(&message).unwrap()), "t");
    }
}
