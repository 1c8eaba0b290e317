//! Choices that follow from a seed.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

pub struct Chance(ChaCha8Rng);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).expect("a small number");
        usize::try_from(self.0.next_u64() % bound).expect("a small number")
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// One to `most` of them, each once.
    pub fn some<T: Clone + PartialEq>(&mut self, all: &[T], most: usize) -> Vec<T> {
        let mut chosen: Vec<T> = Vec::new();
        for _ in 0..=self.below(most) {
            let one = self.of(all).clone();
            if !chosen.contains(&one) {
                chosen.push(one);
            }
        }
        chosen
    }

    pub fn request_id(&mut self) -> String {
        let (high, low) = (self.0.next_u64(), self.0.next_u64());
        uuid::Uuid::from_u64_pair(high, low).to_string()
    }
}
