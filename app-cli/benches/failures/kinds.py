"""The kinds of failures of the corpus: for each, a program, 20 different files, and the command that fails on them.

A kind is one reason for a person who reads the messages in the morning. A name in a message that is the cause, such as a missing
module, column or header, is the same for all files of a kind. Data that a message quotes (ids, values, lines, positions, times,
ports, addresses) differ from file to file. No two kinds of this list have the same reason.
"""

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from typing import Callable, NamedTuple

WORDS = "queue of files the and night harbour letters under seven quietly to mountain invoice total page".split()
NAMES = "Miller Okafor Jansen Sato Novak Rossi Dubois Haddad Larsen Costa Weber Kim Silva Ivanov Moreau".split()


class Kind(NamedTuple):
    name: str
    program: str  # left out if it is not installed
    extension: str
    content: Callable  # of a generator of random numbers: text or bytes
    command: str  # for `sh -c`; {script} is the path of the script, {port} that of a local web server
    script: str = ""
    timeout: str = "60"


def text(r, most=400):
    return "\n".join(" ".join(r.choices(WORDS, k=r.randint(3, 12))) for _ in range(r.randint(3, most))) + "\n"


def lines(r, bad):
    """A few lines, then a bad one, then a few more."""
    return text(r, 60) + bad + "\n" + text(r, 20)


def noise(r):
    return r.randbytes(r.randint(2000, 9000))


def truncated(r, packed):
    return packed[: r.randint(len(packed) // 3, len(packed) * 2 // 3)]


def identifier(r):
    digits = f"{r.getrandbits(128):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def time_of(r):
    return f"2026-{r.randint(1, 12):02}-{r.randint(1, 28):02}T{r.randint(0, 23):02}:{r.randint(0, 59):02}:{r.randint(0, 59):02}Z"


def archive_tar(r):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for number in range(3):
            member = tarfile.TarInfo(f"part-{number}.bin")
            data = noise(r)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return packed.getvalue()


def archive_zip(r):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(f"page{r.randint(1, 999)}.txt", "start " + text(r))
    return packed.getvalue()


def gzip_with_bad_checksum(r):
    packed = bytearray(gzip.compress(text(r).encode()))
    packed[-7] ^= r.randint(1, 255)
    return bytes(packed)


def pdf(r):
    head = "%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n2 0 obj\n<< /Type /Pages /Kids [] /Count 0 >>\nendobj\n"
    return head + "".join(f"% {line}\n" for line in text(r, 30).splitlines()) + "trailer\n<< /Root 1 0 R /Size 3 >>\n%%EOF\n"


def c_source(r, line, before=""):
    comments = "".join(f"/* {' '.join(r.choices(WORDS, k=4))} */\n" for _ in range(r.randint(1, 80)))
    return f"{before}{comments}int main(void) {{\n    {line}\n    return {r.randint(0, 9)};\n}}\n"


def rows(r, bad):
    good = [f"{r.randint(1, 10**6)},{r.choice(NAMES)},{r.randint(1, 9999)}" for _ in range(r.randint(2, 90))]
    return "\n".join(good + [bad]) + "\n"


def record(**values):
    return lambda r: json.dumps({key: value(r) for key, value in values.items()}) + "\n" + text(r, 20)


def anything(r):
    return text(r)


READ = "import json, sys\nfirst = open(sys.argv[1]).readline()\nrow = json.loads(first) if first[0] == '{' else {}\n"
JAVA = "[ -d out/classes ] || { javac -d out/$$ {script} && mv -T out/$$ out/classes; }; exec java -cp out/classes Read {}"
ID = record(id=lambda r: r.randint(1, 10**6))

KINDS = [
    # Archives
    Kind("gzip-truncated", "gzip", ".gz", lambda r: truncated(r, gzip.compress(text(r).encode())), "gzip -dc {} > out/{/.}.txt"),
    Kind("gzip-not-gzip", "gzip", ".gz", anything, "gzip -dc {} > out/{/.}.txt"),
    Kind("gzip-checksum", "gzip", ".gz", gzip_with_bad_checksum, "gzip -t {}"),
    Kind("bzip2-truncated", "bzip2", ".bz2", lambda r: truncated(r, bz2.compress(noise(r))), "bzip2 -t {}"),
    Kind("xz-truncated", "xz", ".xz", lambda r: truncated(r, lzma.compress(noise(r))), "xz -dc {} > out/{/.}"),
    Kind("zstd-not-zstd", "zstd", ".zst", anything, "zstd -q -d {} -o out/{/.}"),
    Kind("unzip-truncated", "unzip", ".zip", lambda r: truncated(r, archive_zip(r)), "unzip -q -o {} -d out/{/.}"),
    Kind("unzip-checksum", "unzip", ".zip", lambda r: archive_zip(r).replace(b"start", b"stARt"), "unzip -q -o {} -d out/{/.}"),
    Kind("tar-truncated", "tar", ".tar", lambda r: archive_tar(r)[: r.randint(1024, 2000)], "tar -xf {} -C out"),
    Kind("tar-no-member", "tar", ".tar", archive_tar, "tar -xf {} -C out reports/{/.}/summary.csv"),
    Kind("7z-not-archive", "7zz", ".7z", anything, "7zz x -y -oout {}"),
    # Data
    Kind("jq-syntax", "jq", ".json", lambda r: '{"a": [' + " 1,\n" * r.randint(1, 50) + " }", "jq .a {}"),
    Kind("jq-type", "jq", ".json", lambda r: "[1]\n" * r.randint(0, 9) + f'"{text(r, 4)[:-1]}"'.replace("\n", " "), "jq .total {}"),
    Kind("jq-null", "jq", ".json", record(id=lambda r: r.randint(1, 99)), "head -n 1 {} | jq '.items[]'"),
    Kind("xmllint-tags", "xmllint", ".xml", lambda r: "<list>\n" + "<row>1</row>\n" * r.randint(1, 90) + "<row>2\n</list>", "xmllint --noout {}"),
    Kind("xmllint-entity", "xmllint", ".xml", lambda r: "<list>\n" + "<row/>\n" * r.randint(1, 90) + "<row>&nbsp;</row></list>", "xmllint --noout {}"),
    Kind("xslt-no-stylesheet", "xsltproc", ".xml", lambda r: "<a>1</a>\n", "xsltproc styles/night.xsl {}"),
    Kind("python-expat", "python3", ".xml", lambda r: "<a>\n" * r.randint(1, 30) + "<b" + " " * r.randint(0, 9) + "& ></b>",
         "python3 {script} {}", "import sys, xml.etree.ElementTree as tree\ntree.parse(sys.argv[1])\n"),
    Kind("sqlite-no-table", "sqlite3", ".db", lambda r: b"", "sqlite3 {} 'select * from invoices'"),
    Kind("sqlite-unique", "sqlite3", ".sql", lambda r: "create table t(id integer primary key);\n" + "insert into t values(null);\n" * r.randint(1, 70)
         + "insert into t values(1);\n", "sqlite3 -bail :memory: < {}"),
    Kind("sqlite-not-database", "sqlite3", ".db", noise, "sqlite3 {} .tables"),
    Kind("iconv-illegal", "iconv", ".txt", lambda r: text(r).encode() + b"\xe9t\xe9 " + text(r).encode(), "iconv -f UTF-8 -t UTF-16 {} > out/{/}"),
    Kind("patch-hunk", "patch", ".patch", lambda r: f"--- a\n+++ b\n@@ -{(n := r.randint(1, 500))},1 +{n},1 @@\n-{text(r, 3).splitlines()[0]}\n+x\n",
         "cp {script} out/{/.}.txt && patch out/{/.}.txt {}", "one\ntwo\n"),
    # Python
    Kind("python-key-column", "python3", ".json", ID, "python3 {script} {}", READ + "print(row['total'])\n"),
    Kind("python-key-id", "python3", ".json", record(order=lambda r: f"ORD-{r.randint(1, 10**5)}"), "python3 {script} {}", READ + "print({}[row['order']])\n"),
    Kind("python-key-customer", "python3", ".json", record(name=lambda r: r.choice(NAMES)), "python3 {script} {}", READ + "print({}[row['name']])\n"),
    Kind("python-no-file", "python3", ".json", record(ref=lambda r: f"/srv/prices/{r.choice(WORDS)}-{r.randint(1, 99)}.csv"), "python3 {script} {}",
         READ + "open(row['ref'])\n"),
    Kind("python-unicode", "python3", ".txt", lambda r: text(r).encode() + bytes([r.randint(0x80, 0xBF)]), "python3 {script} {}",
         "import sys\nprint(len(open(sys.argv[1], encoding='utf-8').read()))\n"),
    Kind("python-zero-division", "python3", ".csv", anything, "python3 {script} {}", "import sys\nprint(len(sys.argv) / 0)\n"),
    Kind("python-memory", "python3", ".bin", noise, "python3 {script} {}", "import sys\nbytearray(10**16)\n"),
    Kind("python-assertion", "python3", ".csv", lambda r: rows(r, "1,2"), "python3 {script} {}",
         "import sys\nfor number, line in enumerate(open(sys.argv[1]), 1):\n"
         "    assert line.count(',') == 2, f'row {number} has {line.count(\",\") + 1} columns, 3 expected'\n"),
    Kind("python-own-error", "python3", ".json", record(id=identifier, at=time_of), "python3 {script} {}",
         READ + "class OrderError(Exception): pass\nraise OrderError(f\"order {row['id']} was closed at {row['at']}\")\n"),
    Kind("python-float", "python3", ".csv", lambda r: rows(r, "1,x," + r.choice(["n/a", "12 kg", "1.234,50", "none", "~7", "seven"])), "python3 {script} {}",
         "import sys\nfor line in open(sys.argv[1]):\n    float(line.strip().split(',', 2)[2])\n"),
    Kind("python-index", "python3", ".csv", lambda r: rows(r, "1"), "python3 {script} {}",
         "import sys\nfor line in open(sys.argv[1]):\n    line.split(',')[2]\n"),
    Kind("python-module", "python3", ".md", anything, "python3 {script} {}", "import night_weasyprint\n"),
    Kind("python-json", "python3", ".json", lambda r: '{"a": [' + "1,\n" * r.randint(1, 50) + "2 3]}", "python3 {script} {}", "import json, sys\njson.load(open(sys.argv[1]))\n"),
    Kind("python-refused", "python3", ".txt", anything, "python3 {script} {}",
         "import os, urllib.request\nurllib.request.urlopen(f'http://127.0.0.1:{os.getpid() % 8 + 1}/convert')\n"),
    Kind("python-recursion", "python3", ".txt", anything, "python3 {script} {}", "def walk(depth): return walk(depth + 1)\nwalk(0)\n"),
    Kind("python-permission", "python3", ".txt", anything, "{as_nobody} python3 {script} {}",
         "import sys\nopen('/etc/' + 'archive-' + str(hash(sys.argv[1]) % 1000) + '.txt', 'w')\n"),
    Kind("python-temporary", "python3", ".tiff", noise, "python3 {script} {}",
         "import sys, tempfile\nname = tempfile.mkdtemp()\nraise OSError(f'cannot decode {name}/page-{len(name)}.png, which was made from {sys.argv[1]}')\n"),
    Kind("python-log", "python3", ".log", record(request=identifier), "python3 {script} {}", READ +
         "import logging, threading\nlogging.basicConfig(format='%(asctime)s [%(thread)d] %(levelname)s %(message)s')\n"
         "def work(): logging.error('request %s: upstream %s closed the connection after %.2fs', row['request'], hex(id(row)), len(first) / 7)\n"
         "thread = threading.Thread(target=work)\nthread.start()\nthread.join()\nsys.exit(1)\n"),
    Kind("python-locked", "python3", ".txt", ID, "python3 {script} {}", READ + "import os\nsys.exit(f'error: the index is locked by process {os.getpid()} for {row[\"id\"]} ms')\n"),
    Kind("python-http-503", "python3", ".txt", anything, "python3 {script} {} {port}",
         "import sys, urllib.request\nurllib.request.urlopen(f'http://127.0.0.1:{sys.argv[2]}/503')\n"),
    Kind("python-date", "python3", ".json", record(at=lambda r: f"{r.randint(1, 28)}/{r.randint(1, 12)}/{r.randint(2000, 2026)}"), "python3 {script} {}",
         READ + "import datetime\ndatetime.date.fromisoformat(row['at'])\n"),
    # Other languages
    Kind("node-undefined", "node", ".json", ID, "node {script} {}", "const rows = undefined;\nconsole.log(rows.length);\n"),
    Kind("node-json", "node", ".json", lambda r: '{"a": [' + "1,\n" * r.randint(1, 50) + "x", "node {script} {}",
         "JSON.parse(require('fs').readFileSync(process.argv[2], 'utf8'));\n"),
    Kind("node-no-file", "node", ".txt", lambda r: f"/srv/fonts/{r.choice(NAMES)}-{r.randint(1, 99)}.ttf\n" + text(r), "node {script} {}",
         "const fs = require('fs');\nfs.readFileSync(fs.readFileSync(process.argv[2], 'utf8').split('\\n')[0]);\n"),
    Kind("node-refused", "node", ".txt", anything, "node {script} {}",
         "require('net').connect(process.pid % 8 + 1, '127.0.0.1');\n"),
    Kind("perl-division", "perl", ".txt", anything, "perl {script} {}", "my $n = 0;\nwhile (<>) { $n++ }\nprint 1 / ($n - $n);\n"),
    Kind("perl-line", "perl", ".csv", lambda r: rows(r, "1"), "perl {script} {}", "while (<>) { die 'too few columns' if tr/,// < 2 }\n"),
    Kind("ruby-nil", "ruby", ".txt", anything, "ruby {script} {}", "row = nil\nputs row.strip\n"),
    Kind("php-type", "php", ".txt", anything, "php {script} {}", "<?php\nfunction total(int $n) { return $n; }\ntotal('x' . $argc);\n"),
    Kind("lua-nil", "lua5.4", ".txt", anything, "lua5.4 {script} {}", "local row = nil\nprint(row.total)\n"),
    Kind("java-number", "java", ".txt", lambda r: f"{r.randint(1, 9999)}{r.choice(['x', ' ', 'kg'])}\n", JAVA,
         "import java.nio.file.*;\nclass Read { public static void main(String[] a) throws Exception {\n"
         "Integer.parseInt(Files.readAllLines(Path.of(a[0])).get(0)); } }\n"),
    Kind("java-null", "java", ".txt", anything, JAVA, "class Read { static String row;\npublic static void main(String[] a) { row.length(); } }\n"),
    Kind("javac-symbol", "javac", ".java", lambda r: "// x\n" * r.randint(1, 60) + "class A { int a = total; }\n", "javac -d out {}"),
    Kind("gcc-undeclared", "gcc", ".c", lambda r: c_source(r, f"return offset_{r.randint(1, 999)};"), "gcc -c {} -o out/{/.}.o"),
    Kind("gcc-no-header", "gcc", ".c", lambda r: c_source(r, ";", "#include <zlib_night.h>\n"), "gcc -c {} -o out/{/.}.o"),
    Kind("gcc-syntax", "gcc", ".c", lambda r: c_source(r, f"int n = {r.randint(1, 99)}"), "gcc -c {} -o out/{/.}.o"),
    Kind("gcc-link", "gcc", ".c", lambda r: c_source(r, "night_init();", "void night_init(void);\n"), "gcc {} -o out/{/.}"),
    Kind("rustc-types", "rustc", ".rs", lambda r: "// x\n" * r.randint(1, 60) + f'fn main() {{ let _n: u8 = "{r.choice(NAMES)}"; }}\n', "rustc --crate-name a --emit=metadata --out-dir out {}"),
    Kind("rustc-borrow", "rustc", ".rs", lambda r: "// x\n" * r.randint(1, 60) + "fn main() { let a = String::new(); drop(a); drop(a); }\n",
         "rustc --crate-name a --emit=metadata --out-dir out {}"),
    Kind("make-no-rule", "make", ".mk", lambda r: f"book.pdf: chapter-{r.randint(1, 99)}.tex\n\tcp $< $@\n", "make -f {}"),
    Kind("make-recipe", "make", ".mk", lambda r: f"all:\n\t@echo page {r.randint(1, 99)}\n\t@exit {7}\n", "make -f {}"),
    Kind("awk-division", "gawk", ".csv", lambda r: rows(r, "1,2,0"), "gawk -F, '{ print $1 / $3 }' {}"),
    Kind("sh-no-command", "sh", ".txt", anything, "night-ocr {} out/{/.}.txt"),
    # Documents and media
    Kind("pdftotext-not-pdf", "pdftotext", ".pdf", anything, "pdftotext {} out/{/.}.txt"),
    Kind("pdftotext-encrypted", "pdftotext", ".pdf", pdf, "{ qpdf --encrypt u o 256 -- {} out/{/}; } 2>&1 | cat > out/{/.}.log; pdftotext out/{/} out/{/.}.txt"),
    Kind("qpdf-not-pdf", "qpdf", ".pdf", noise, "qpdf --check {}"),
    Kind("ffmpeg-invalid", "ffmpeg", ".mp4", noise, "ffmpeg -nostdin -y -i {} out/{/.}.wav"),
    Kind("ffmpeg-no-audio", "ffmpeg", ".ppm", lambda r: b"P6 %d 2 255\n" % (n := r.randint(1, 64)) + bytes(n * 6), "ffmpeg -nostdin -y -i {} -map 0:a out/{/.}.wav"),
    Kind("magick-not-png", "convert-im6.q16", ".png", noise, "convert-im6.q16 {} out/{/.}.jpg"),
    Kind("magick-truncated", "convert-im6.q16", ".ppm", lambda r: b"P6 %d 900 255\n" % r.randint(100, 999) + noise(r), "convert-im6.q16 {} out/{/.}.jpg"),
    Kind("tesseract-not-image", "tesseract", ".png", noise, "tesseract {} out/{/.}"),
    Kind("tesseract-language", "tesseract", ".ppm", lambda r: b"P6 %d 2 255\n" % (n := r.randint(1, 64)) + bytes(n * 6), "tesseract {} out/{/.} -l xxq"),
    # Keys and repositories
    Kind("openssl-not-pem", "openssl", ".pem", anything, "openssl x509 -in {} -noout"),
    Kind("openssl-password", "openssl", ".enc", lambda r: b"Salted__" + r.randbytes(8 + 16 * r.randint(4, 90) ), "openssl enc -d -aes-256-cbc -pbkdf2 -k secret -in {} -out out/{/}"),
    Kind("ssh-keygen-not-key", "ssh-keygen", ".pub", anything, "ssh-keygen -l -f {}"),
    Kind("git-revision", "git", ".txt", lambda r: f"{r.getrandbits(160):040x}\n", "git init -q out/{/.} && git -C out/{/.} rev-parse --verify \"$(cat {})^{commit}\""),
    Kind("git-apply", "git", ".patch", lambda r: "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1,9 +1,9 @@\n" + " x\n" * r.randint(1, 8), "git apply --check {}"),
    Kind("git-clone", "git", ".txt", ID, "git clone -q /srv/git/{/.}.git out/{/.}"),
    # Network
    Kind("curl-refused", "curl", ".txt", anything, "curl -sSf --data-binary @{} http://127.0.0.1:$(($$ % 8 + 1))/convert"),
    Kind("curl-unknown-host", "curl", ".txt", anything, "curl -sSf --data-binary @{} http://ocr.night.invalid/convert"),
    Kind("curl-404", "curl", ".txt", anything, "curl -sSf http://127.0.0.1:{port}/404?size=$(wc -c < {})"),
    Kind("curl-429", "curl", ".txt", anything, "curl -sSf http://127.0.0.1:{port}/429?size=$(wc -c < {})"),
    Kind("curl-500", "curl", ".txt", anything, "curl -sSf http://127.0.0.1:{port}/500?size=$(wc -c < {})"),
    Kind("curl-timeout", "curl", ".txt", anything, "curl -sSf -m 0.3 http://127.0.0.1:{port}/sleep?size=$(wc -c < {})"),
    Kind("wget-404", "wget", ".txt", anything, "wget -nv -O out/{/.}.html http://127.0.0.1:{port}/404?size=$(wc -c < {})"),
    Kind("wget-retries", "wget", ".txt", anything, "wget -t 2 --waitretry=0 --retry-connrefused -O out/{/.}.html http://127.0.0.1:$(($$ % 8 + 1))/convert"),
    Kind("ssh-refused", "ssh", ".txt", anything, "ssh -o BatchMode=yes -p $(($$ % 8 + 1)) 127.0.0.1 < {}"),
    # The system
    Kind("cp-no-folder", "cp", ".txt", anything, "cp {} /srv/night/$(wc -c < {})/"),
    Kind("cat-permission", "cat", ".txt", anything, "chmod 0 {} && {as_nobody} cat {}"),
    Kind("disk-full", "cat", ".txt", anything, "cat {} > /dev/full"),
    Kind("dd-full", "dd", ".bin", noise, "dd if={} of=/dev/full bs=512"),
    Kind("date-invalid", "date", ".txt", lambda r: f"2026-{r.randint(13, 99)}-{r.randint(1, 28)}\n", "date -d \"$(cat {})\""),
    Kind("segmentation-fault", "sh", ".txt", anything, "echo page $(wc -l < {}); kill -SEGV $$"),
    Kind("c-assertion", "gcc", ".txt", lambda r: "x" * r.randint(100, 9999), "[ -x out/check ] || { gcc -x c {script} -o out/$$ && mv out/$$ out/check; }; exec out/check {}",
         "#include <assert.h>\nint main(int n, char **v) { (void)v; assert(n < 1 && \"too many pages\"); }\n"),
    Kind("killed", "sh", ".txt", anything, "echo frame $(wc -c < {}) of 9999; kill -KILL $$"),
    Kind("time-limit", "sh", ".txt", anything, "for n in 1 2 3 4 5 6; do echo page $n of $(wc -l < {}); sleep 0.2; done; sleep 60", timeout="1"),
    Kind("silent", "sh", ".txt", anything, "exit 3"),
]
