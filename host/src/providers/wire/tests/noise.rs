//! Replies of servers that are broken, or worse. A body may be anything.

use super::*;
use crate::providers::wire::chat::Chat;
use crate::providers::wire::converse::Converse;
use crate::providers::wire::messages::Messages;
use crate::providers::wire::refused::error_of;
use crate::providers::wire::responses::Responses;
use crate::providers::wire::template::Template;
use crate::providers::wire::tgi::Tgi;

/// Numbers that look random and are the same each time (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }
}

fn wires() -> Vec<Box<dyn Wire>> {
    let template = fapo_core::policy::Template {
        request: json!({"prompt": "${prompt}"}),
        text: "/choices/0/message/content".into(),
        finish_reason: Some("/choices/0/finish_reason".into()),
        input_tokens: Some("/usage/prompt_tokens".into()),
        output_tokens: Some("/usage/completion_tokens".into()),
    };
    vec![
        Box::new(Chat::OPENAI),
        Box::new(Responses),
        Box::new(Messages),
        Box::new(Converse),
        Box::new(Tgi),
        Box::new(Template::new(Template::PREDICT, template).unwrap()),
    ]
}

/// Bodies that some format reads, and errors.
fn bodies() -> Vec<Value> {
    vec![
        json!({
            "id": "1", "model": "m", "system_fingerprint": "f",
            "choices": [{
                "finish_reason": "stop",
                "message": {
                    "content": [{"type": "text", "text": "ü"}],
                    "refusal": "no",
                    "tool_calls": [{"id": "c", "extra_content": {"a": 1}, "function": {"name": "f", "arguments": "{}"}}],
                },
            }],
            "usage": {
                "prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 9,
                "prompt_tokens_details": {"cached_tokens": 1},
            },
        }),
        json!({
            "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"},
            "error": null,
            "output": [
                {"type": "message", "content": [{"type": "output_text", "text": "a"}]},
                {"type": "reasoning", "id": "r", "summary": [], "encrypted_content": "e"},
                {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            ],
            "usage": {"input_tokens": 1, "input_tokens_details": {"cached_tokens": 1}, "output_tokens": 2},
        }),
        json!({
            "type": "message", "stop_reason": "end_turn",
            "content": [
                {"type": "text", "text": "a"},
                {"type": "thinking", "thinking": "t", "signature": "s"},
                {"type": "tool_use", "id": "c", "name": "f", "input": {"a": [1, 2.5, null]}},
            ],
            "usage": {"input_tokens": 1, "cache_read_input_tokens": 100_000_000, "cache_creation_input_tokens": 100_000_000, "output_tokens": 2},
        }),
        json!({
            "stopReason": "tool_use",
            "output": {"message": {"content": [
                {"text": "a"},
                {"reasoningContent": {"reasoningText": {"text": "t", "signature": "s"}}},
                {"toolUse": {"toolUseId": "c", "name": "f", "input": {}}},
            ]}},
            "usage": {"inputTokens": 1, "outputTokens": 2, "cacheReadInputTokens": 3},
        }),
        json!([{"generated_text": "a", "details": {"finish_reason": "length", "generated_tokens": 2, "prefill": [{}]}}]),
        json!({"error": {"message": "m", "type": "t", "code": 400, "inner": [{"loc": ["a", 1]}]}}),
        json!({"detail": [{"loc": ["body", "n"], "msg": "too many"}], "OriginalStatusCode": "422"}),
    ]
}

/// Blocks that some provider kept.
fn blocks() -> Vec<Value> {
    let sealed = json!({"type": "reasoning", "id": "r", "summary": [], "encrypted_content": "e"});
    vec![
        json!([{"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{}"}, sealed]),
        sealed,
        json!({"type": "thinking", "thinking": "t", "signature": "s"}),
        json!({"reasoningContent": {"reasoningText": {"text": "t", "signature": "s"}}}),
        json!({"c1": {"google": {"thought_signature": "s"}}}),
        serde_json::from_str(WEATHER).unwrap(),
    ]
}

/// What may stand where something else is expected.
fn anything(random: &mut Random) -> Value {
    let all = [
        Value::Null,
        json!(true),
        json!(-1),
        json!(u64::MAX),
        json!(1e300),
        json!(""),
        json!("\u{0}\u{202e}ü🙂"),
        json!([]),
        json!({}),
        json!([null, {"type": 3}, [[]]]),
        json!({"type": "text", "error": {"message": {"message": {"message": {}}}}}),
    ];
    all[random.below(all.len())].clone()
}

/// Puts something else in some place of a body.
fn spoil(value: &mut Value, random: &mut Random) {
    match value {
        Value::Object(all) if !all.is_empty() && random.below(4) > 0 => {
            let nth = random.below(all.len());
            let Some((key, inner)) = all.iter_mut().nth(nth) else {
                return;
            };
            match random.below(8) {
                0 => {
                    let key = key.clone();
                    all.remove(&key);
                }
                _ => spoil(inner, random),
            }
        }
        Value::Array(all) if !all.is_empty() && random.below(4) > 0 => {
            let nth = random.below(all.len());
            spoil(&mut all[nth], random);
        }
        other => *other = anything(random),
    }
}

/// Reads a reply in every format, and sends what came of it back.
fn read_everywhere(wires: &[Box<dyn Wire>], reply: &Reply) -> usize {
    let mut n_answers = 0;
    for wire in wires {
        match wire.read(reply) {
            Ok(read) => {
                n_answers += 1;
                assert!(!read.completion.choices.is_empty());
                for choice in &read.completion.choices {
                    let mut request = hello();
                    request.messages.push(back(choice));
                    // It may be refused, as a turn without a word is.
                    let _ = wire.write(&request, &model("gpt-5"));
                }
            }
            Err(NoAnswer::Refused(refused)) => {
                assert!(refused.message.chars().count() <= 601, "{refused:?}");
                error_of(&refused, "m");
            }
            Err(NoAnswer::Malformed(why)) => assert!(why.len() < 4_000, "{why}"),
        }
    }
    n_answers
}

#[test]
fn no_body_makes_the_host_panic() {
    let wires = wires();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let bodies = bodies();
    let mut n_answers = 0;
    for round in 0..3_000 {
        let mut body = bodies[round % bodies.len()].clone();
        for _ in 0..=random.below(3) {
            spoil(&mut body, &mut random);
        }
        let status = [200, 200, 200, 400, 424, 429, 500][random.below(7)];
        n_answers += read_everywhere(&wires, &reply(status, &[], body.to_string()));
    }
    // Were all of them refused at once, nothing would have been tried.
    assert!(n_answers > 300, "{n_answers}");
}

#[test]
fn no_bytes_make_the_host_panic() {
    let wires = wires();
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let bodies = bodies();
    for round in 0..3_000 {
        let mut bytes = bodies[round % bodies.len()].to_string().into_bytes();
        for _ in 0..=random.below(6) {
            let at = random.below(bytes.len());
            match random.below(3) {
                0 => bytes[at] = random.below(256) as u8,
                1 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, b"{}[]\",:0\\"[random.below(9)]),
            }
        }
        let status = [200, 403, 500][random.below(3)];
        read_everywhere(&wires, &reply(status, &[], bytes));
    }
}

#[test]
fn no_guest_makes_the_host_panic() {
    let wires = wires();
    let mut random = Random(0xda94_2042_e4dd_58b5);
    let blocks: Vec<_> = bodies().into_iter().chain(blocks()).collect();
    let mut n_written = 0;
    for round in 0..2_000 {
        let mut block = blocks[round % blocks.len()].clone();
        if random.below(3) > 0 {
            spoil(&mut block, &mut random);
        }
        let mut text = block.to_string();
        if random.below(4) == 0 {
            text = text.chars().take(random.below(text.len())).collect();
        }
        let provider = ["openai", "anthropic", "bedrock", "chat"][random.below(4)];
        let mut request = after_tools(&[OpaquePart {
            provider: provider.into(),
            data: text.as_str().into(),
        }]);
        match random.below(4) {
            0 => request.tools[0].parameters = text.into(),
            1 => request.messages[1].tool_calls[0].arguments = text.into(),
            2 => request.response_schema = answer_schema(&text),
            _ => {}
        }
        for wire in &wires {
            match wire.write(&request, &model("gpt-5")) {
                Ok(_) => n_written += 1,
                Err(ProviderError::InvalidRequest(why)) => assert!(why.as_str().len() < 500),
                Err(other) => panic!("{other:?}"),
            }
        }
    }
    assert!(n_written > 300, "{n_written}");
}

#[test]
fn deep_nesting_is_no_answer() {
    let deep = "[".repeat(1 << 20);
    for wire in wires() {
        assert!(is_malformed(&*wire, &reply(200, &[], deep.as_str())));
        assert!(
            !refused(&*wire, &reply(500, &[], deep.as_str()))
                .message
                .is_empty()
        );
    }
}
