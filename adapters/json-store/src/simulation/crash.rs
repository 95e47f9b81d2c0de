//! What may be left of a disk when the power goes.

use std::collections::BTreeMap;

use super::disk::{Inode, Naming, World, Write};

/// Subsets of more unsynced names than this are not all tried: only prefixes, and all but one.
const ALL_SUBSETS_UP_TO: usize = 4;

/// Every disk that a loss of power may leave of this one: of what was not synced, any part may have become durable, in any
/// order, whole, torn, with zeros in its tail or a hole in its middle.
pub(super) fn power_cuts(world: &World) -> Vec<World> {
    let mut left = vec![rebooted(world)];
    for (number, inode) in world.inodes.iter().enumerate() {
        if !inode.unsynced.is_empty() {
            left = every(&left, &data_left(inode), |world, data| {
                world.inodes[number].seen.clone_from(data);
                world.inodes[number].durable.clone_from(data);
            });
        }
    }
    if !world.unsynced_names.is_empty() {
        left = every(&left, &names_left(world), |world, names| {
            world.names.clone_from(names);
            world.durable_names.clone_from(names);
        });
    }
    left
}

/// The same disk after the death of every process: what was written is seen, whether it is durable or not.
pub(super) fn survivors(world: &World) -> World {
    world.clone()
}

fn rebooted(world: &World) -> World {
    let mut after = world.clone();
    after.names.clone_from(&world.durable_names);
    after.unsynced_names.clear();
    for inode in &mut after.inodes {
        inode.seen.clone_from(&inode.durable);
        inode.unsynced.clear();
        inode.version += 1;
    }
    after
}

fn every<T>(worlds: &[World], choices: &[T], choose: impl Fn(&mut World, &T)) -> Vec<World> {
    let mut all = Vec::with_capacity(worlds.len() * choices.len());
    for world in worlds {
        for choice in choices {
            let mut world = world.clone();
            choose(&mut world, choice);
            all.push(world);
        }
    }
    all
}

fn data_left(inode: &Inode) -> Vec<Vec<u8>> {
    let applied = |writes: &[Write]| {
        let mut data = inode.durable.clone();
        for write in writes {
            write.apply(&mut data);
        }
        data
    };
    let (last, earlier) = inode.unsynced.split_last().expect("asked only of files with unsynced writes");
    if matches!(last, Write::Note { .. }) {
        return vec![applied(&[]), applied(&inode.unsynced)];
    }
    let mut left = vec![applied(&[]), applied(&inode.unsynced), applied(earlier), applied(std::slice::from_ref(last))];
    if let Write::Bytes { offset, bytes } = last {
        let with = |bytes: Vec<u8>| applied(&[earlier, &[Write::Bytes { offset: *offset, bytes }]].concat());
        for kept in [1, bytes.len() / 2, bytes.len().saturating_sub(1)] {
            left.push(with(bytes[..kept].to_vec()));
            left.push(with(zeroed(bytes, kept, bytes.len())));
        }
        left.push(with(zeroed(bytes, 0, bytes.len())));
        left.push(with(zeroed(bytes, bytes.len() / 3, 2 * bytes.len() / 3)));
        left.push(with(zeroed(bytes, 0, bytes.len() / 2)));
    }
    left.sort();
    left.dedup();
    left
}

fn zeroed(bytes: &[u8], from: usize, to: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[from..to].fill(0);
    bytes
}

fn names_left(world: &World) -> Vec<BTreeMap<String, usize>> {
    let changes = &world.unsynced_names;
    let applied = |kept: &dyn Fn(usize) -> bool| {
        let mut names = world.durable_names.clone();
        let kept = changes.iter().enumerate().filter(|(index, _)| kept(*index));
        kept.for_each(|(_, naming): (usize, &Naming)| naming.apply(&mut names));
        names
    };
    let mut left: Vec<_> = if changes.len() <= ALL_SUBSETS_UP_TO {
        (0..1_usize << changes.len()).map(|subset| applied(&|index| subset & (1 << index) != 0)).collect()
    } else {
        let prefixes = (0..=changes.len()).map(|length| applied(&|index| index < length));
        let all_but_one = (0..changes.len()).map(|gone| applied(&|index| index != gone));
        prefixes.chain(all_but_one).collect()
    };
    left.sort();
    left.dedup();
    left
}
