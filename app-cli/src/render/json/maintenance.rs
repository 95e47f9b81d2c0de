//! The answers of `queue repair` and `doctor`.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::{CountsJson, print};
use crate::view::{CrashTest, Diagnosis, Finding, Level, RepairDone, RepairPlans};
use crate::wiring::{ChangeCounts, Damage, RepairPlan};

pub(in crate::render) fn plans(view: &RepairPlans, out: &mut dyn Write) -> io::Result<()> {
    let examination = &view.0;
    print(
        out,
        &json!({
            "sound": examination.is_sound(),
            "repaired": false,
            "damage": examination.damage.iter().map(damage).collect::<Vec<_>>(),
            "choices": examination.plans.iter().map(plan).collect::<Vec<_>>(),
            "half_written_bytes": examination.half_written_bytes,
            "notices": examination.notices,
            "kept_aside": examination.kept_aside,
        }),
    )
}

pub(in crate::render) fn repaired(view: &RepairDone, out: &mut dyn Write) -> io::Result<()> {
    let document = json!({
        "sound": true,
        "repaired": true,
        "damage": view.damage.iter().map(damage).collect::<Vec<_>>(),
        "choice": plan(&view.plan),
        "backup": view.backup.to_string_lossy(),
    });
    print(out, &document)
}

fn damage(damage: &Damage) -> Value {
    json!({ "place": damage.file, "detail": damage.detail })
}

fn plan(plan: &RepairPlan) -> Value {
    json!({
        "choice": plan.method.word(),
        "counts": serde_json::to_value(CountsJson::from(plan.counts)).unwrap_or_default(),
        "keeps": changes(plan.keeps),
        "loses": changes(plan.loses),
        "unreadable_bytes": plan.unreadable_bytes,
    })
}

fn changes(changes: ChangeCounts) -> Value {
    json!({ "additions": changes.additions, "results": changes.results, "others": changes.others })
}

pub(in crate::render) fn diagnosis(view: &Diagnosis, out: &mut dyn Write) -> io::Result<()> {
    let document = json!({
        "exit_code": view.exit_code() as u8,
        "findings": view.findings.iter().map(finding).collect::<Vec<_>>(),
        "torture": view.crash_test.as_ref().map(crash_test),
    });
    print(out, &document)
}

fn finding(finding: &Finding) -> Value {
    let level = match finding.level {
        Level::Well => "well",
        Level::Warning => "warning",
        Level::Problem(_) => "problem",
    };
    json!({ "subject": finding.subject, "level": level, "message": finding.message, "advice": finding.advice })
}

fn crash_test(crash_test: &CrashTest) -> Value {
    let CrashTest { cycles, killed, acknowledged, lost, elapsed } = crash_test;
    json!({
        "cycles": cycles,
        "killed": killed,
        "acknowledged": acknowledged,
        "lost": lost,
        "elapsed_s": elapsed.as_secs_f64(),
    })
}
