use std::sync::{Arc, Mutex};

use autoproc_domain::ports::{Observer, RunEvent};
use autoproc_system::Observers;

use crate::events::{event, every_kind};

struct Recorder(usize, Arc<Mutex<Vec<(usize, RunEvent)>>>);

impl Observer for Recorder {
    fn observe(&self, event: &RunEvent) {
        self.1.lock().expect("unpoisoned").push((self.0, event.clone()));
    }
}

#[test]
fn each_observer_receives_every_event_in_order() {
    let received = Arc::default();
    let recorders = (0..3).map(|number| Arc::new(Recorder(number, Arc::clone(&received))) as Arc<dyn Observer>);
    let observers = Observers::new(recorders.collect());
    let events: Vec<_> = every_kind().into_iter().map(event).collect();
    for event in &events {
        observers.observe(event);
    }
    let expected: Vec<_> = events.iter().flat_map(|event| (0..3).map(|number| (number, event.clone()))).collect();
    assert_eq!(*received.lock().expect("unpoisoned"), expected);
}
