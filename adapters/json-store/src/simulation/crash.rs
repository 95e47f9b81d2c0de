//! Computes the possible contents of a disk after a power cut.

use std::collections::BTreeMap;

use crate::disk::fake::{DiskImage, Inode, NameChange, Write};

/// With more unsynced name changes, only some subsets are tried.
const MAX_NAMES_FOR_ALL_SUBSETS: usize = 4;

pub(super) fn power_cuts(image: &DiskImage) -> Vec<DiskImage> {
    let mut left = vec![rebooted(image)];
    for (number, inode) in image.inodes.iter().enumerate() {
        if !inode.unsynced.is_empty() {
            left = every(&left, &data_left(inode), |image, data| {
                image.inodes[number].visible.clone_from(data);
                image.inodes[number].durable.clone_from(data);
            });
        }
    }
    if !image.unsynced_names.is_empty() {
        left = every(&left, &names_left(image), |image, names| {
            image.names.clone_from(names);
            image.durable_names.clone_from(names);
        });
    }
    left
}

fn rebooted(image: &DiskImage) -> DiskImage {
    let mut after = image.clone();
    after.names.clone_from(&image.durable_names);
    after.unsynced_names.clear();
    for inode in &mut after.inodes {
        inode.visible.clone_from(&inode.durable);
        inode.unsynced.clear();
    }
    after
}

fn every<T>(images: &[DiskImage], choices: &[T], choose: impl Fn(&mut DiskImage, &T)) -> Vec<DiskImage> {
    let mut all = Vec::with_capacity(images.len() * choices.len());
    for image in images {
        for choice in choices {
            let mut image = image.clone();
            choose(&mut image, choice);
            all.push(image);
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
    let (last, earlier) = inode.unsynced.split_last().expect("called only for files with unsynced writes");
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

fn names_left(image: &DiskImage) -> Vec<BTreeMap<String, usize>> {
    let changes = &image.unsynced_names;
    let applied = |kept: &dyn Fn(usize) -> bool| {
        let mut names = image.durable_names.clone();
        let kept = changes.iter().enumerate().filter(|(index, _)| kept(*index));
        kept.for_each(|(_, change): (usize, &NameChange)| change.apply(&mut names));
        names
    };
    let mut left: Vec<_> = if changes.len() <= MAX_NAMES_FOR_ALL_SUBSETS {
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
