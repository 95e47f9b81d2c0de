/// A workflow that passes values between steps and has a transition between its phases.
pub(crate) const LETTERS: &str = r#"
workflow:
  id: wf-letters
  name: "Letters"
  description: "Reads letters and files them"
  version: "1.0.0"
  orchestrator: "@clerk"
  inputs:
    - name: sender
      type: string
      required: true
      description: "Who wrote them"
    - name: files
      type: array
      required: true
  phases:
    - id: phase_1
      name: "READING"
      steps:
        - execute:
            task: "tasks/read-letter.md"
            inputs:
              content: "${files}"
        - execute:
            task: "tasks/find-names.md"
            inputs:
              content: "${files}"
              depth: 2
      checkpoint:
        id: CP_READING
        blocking: true
        validation:
          - "letters_read"
          - "names_found"
    - id: phase_2
      name: "FILING"
      steps:
        - execute:
            task: "tasks/file-letter.md"
            inputs:
              names: "${phase_1.names}"
              sender: "${sender}"
      checkpoint:
        id: CP_FILING
        blocking: false
        validation: ["filed"]
  transitions:
    - from: phase_1
      to: phase_2
      condition: "checkpoint_passed"
  on_error:
    - action: "write_to_log"
    - action: "ring_the_bell"
  outputs:
    - name: register
      type: file
      location: "registers/{sender}/"
    - name: report
      type: json
"#;

/// A workflow with conditions, commands and ignored keys.
pub(crate) const ARRIVAL: &str = r#"
workflow:
  id: wf-arrival
  name: "Arrival"
  version: "1.0.0"
  inputs:
    - name: letter_url
      type: string
      required: false
    - name: letter_file
      type: file
      required: false
  phases:
    - id: phase_0
      name: "LOOK"
      task: "look-at-seal"
      blocking: true
      on_fail: "ask_the_porter"
      condition: "letter_file != null"
    - id: phase_1
      name: "FETCH"
      steps:
        - condition: "letter_url is not null"
          execute:
            command: "fetch_from_web"
            inputs:
              url: "${letter_url}"
        - condition: "letter_file is not null"
          execute:
            command: "carry_in"
      checkpoint:
        id: CP_FETCH
        blocking: true
    - id: phase_2
      name: "SHELVE"
      steps:
        - execute:
            command: "shelve"
            inputs:
              destination: "shelves/${shelf_number}/"
  transitions:
    - from: phase_1
      to: phase_2
      condition: "letter_fetched"
  outputs:
    - name: log
      type: file
      location: "logs/ARRIVAL-{timestamp}.md"
      description: "What happened"
"#;

/// A workflow that uses every key of the schema.
pub(crate) const EVERYTHING: &str = r#"
workflow:
  id: everything
  name: Everything
  description: Uses every key
  version: 2
  orchestrator: absent
  inputs:
    - {name: word, type: string, required: false, description: a word, default: none given}
    - {name: limit, type: integer, default: 3}
    - plain
    - {name: mode, type: enum, values: [full, 2, true], default: full}
  phases:
    - id: first
      name: First
      description: The first
      condition: word != null
      blocking: false
      on_fail: skip
      steps:
        - id: count
          name: Counting
          description: counts lines
          condition: limit > 2 and not (word == 'x')
          run: [wc, -l, "${file}", 7, true]
          inputs: {limit: "${limit}"}
          timeout: 1h30m
          retries: 2
          env: {LC_ALL: C, EMPTY: , COUNT: 4}
          workdir: "${file | dirname}"
          output: json
          rerun: always
        - shell: "echo ${word} > $${HOME}/x && echo '${steps.count.stdout}'"
          output: file
          rerun: never
          timeout: 2.5
      checkpoint: {id: CP, blocking: false, validation: [done]}
    - id: second
      on_fail: continue
      steps:
        - execute: {command: send, inputs: {to: "${first.address}", all: ["${limit}", {deep: "${word}"}]}}
        - execute: {task: write-report, condition: count exists, description: a report, agent: "${word}", threshold: 0.5}
          inputs: {count: "${steps.count.lines}"}
        - {action: weep}
        - {execute: {agent: "critic/${word}.md"}}
        - {command: send}
        - {task: write-report}
    - id: third
      task: tasks/last.md
      on_fail: fail
      blocking: true
  transitions:
    - {from: first, to: third, condition: checkpoint_passed and done}
    - {from: first, to: second}
  outputs:
    - summary
    - {name: report, type: file, location: out/, required: false, description: the report}
  activation: {condition: word exists, fallback_workflow: other, description: if there is a word}
  rollback:
    trigger: failed
    steps:
      - {action: undo, inputs: {to: "${first.address}"}, description: undoes it}
      - tidy
  on_error: [{action: weep}, shout]
  resume: anywhere
"#;
