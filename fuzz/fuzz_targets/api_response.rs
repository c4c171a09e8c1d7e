#![no_main]

#[path = "../../tests/api/parsing/checks.rs"]
#[allow(dead_code, reason = "one check each")]
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::api_response(data));
