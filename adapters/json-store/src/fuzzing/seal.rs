//! Writes journal lines with valid checksums.

pub(super) fn journal<'a>(snapshot: &[u8], texts: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut journal = Vec::new();
    let mut chain = 0;
    for (text, seq) in texts.filter(|text| !text.is_empty()).zip(8_u64..) {
        let header = if journal.is_empty() { header(snapshot) } else { String::new() };
        let head = format!("{header}\"p\":\"{chain:08x}\",\"s\":{seq},\"ops\":");
        let body = [head.as_bytes(), text, b"}"].concat();
        chain = crc32c::crc32c(&body);
        journal.extend_from_slice(format!("{{\"c\":\"{chain:08x}\",").as_bytes());
        journal.extend_from_slice(&body);
        journal.push(b'\n');
    }
    journal
}

fn header(snapshot: &[u8]) -> String {
    let (len, crc) = (snapshot.len(), crc32c::crc32c(snapshot));
    format!(
        "\"header\":{{\"store\":\"fuzz\",\"generation\":3,\"seq\":7,\"snapshot_len\":{len},\"snapshot_crc\":\"{crc:08x}\"}},"
    )
}
