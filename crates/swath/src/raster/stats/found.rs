//! What is known of a band from pass to pass, up to its end.

use std::sync::Arc;

use swath_core::{Lease, Result};
use swath_raster::reduce::{Bins, Counts, Moments, Rank, ScanBand, Search, Uniques, ranks_of, value_of_key};

use super::layers::{Gather, Layer};
use super::totals::TotalBand;
use crate::request::StatsWishes;

/// What is known of a band.
#[derive(Default)]
pub struct Found {
    /// Count, extremes, sums.
    pub moments: Moments,
    /// Where the percentiles lie.
    pub ranks: Vec<Rank>,
    /// The search for their neighbours.
    pub search: Search,
    /// The least and the greatest finite value.
    finite_range: Option<(f64, f64)>,
    /// The bins and their counts, with what is below and above them.
    pub histogram: Option<(Arc<Bins>, Vec<u64>)>,
    /// Keys of different values with their counts, if there are not too many.
    pub uniques: Option<Vec<(u64, u64)>>,
}

impl Found {
    /// What a task of a pass gathers, empty.
    ///
    /// # Errors
    /// When the lease is too small.
    pub fn to_gather(&self, gather: Gather, wishes: &StatsWishes, lease: &Lease) -> Result<ScanBand> {
        let counts = gather.digit.map(|digit| Counts::new(self.prefixes(gather), self.search.known(), digit, lease));
        let bins = if gather.histogram { self.bins(wishes) } else { None };
        let histogram = bins.map(|bins| lease.buffer(bins.count() + 2).map(|counts| (bins, counts)));
        let uniques = wishes.uniques.filter(|_| gather.uniques).map(|limit| Uniques::new(limit, lease));
        Ok(ScanBand {
            moments: gather.moments.then(Moments::default),
            counts: counts.transpose()?,
            histogram: histogram.transpose()?,
            uniques: uniques.transpose()?,
        })
    }

    /// What all tasks of a pass gather, empty.
    ///
    /// # Errors
    /// When the lease is too small.
    pub fn to_total(&self, gather: Gather, wishes: &StatsWishes, lease: &Lease) -> Result<TotalBand> {
        let counts = gather.digit.map(|digit| lease.buffer(self.prefixes(gather).len() << digit));
        let bins = if gather.histogram { self.bins(wishes) } else { None };
        let histogram = bins.map(|bins| lease.buffer(bins.count() + 2).map(|counts| (bins, counts)));
        let uniques = wishes.uniques.filter(|_| gather.uniques).map(|limit| Uniques::new(limit, lease));
        Ok(TotalBand { counts: counts.transpose()?, histogram: histogram.transpose()?, uniques: uniques.transpose()? })
    }

    /// What the values begin with that a pass looks at: anything in the first one.
    fn prefixes(&self, gather: Gather) -> Vec<u64> {
        if gather.moments { vec![0] } else { self.search.prefixes() }
    }

    /// The bins that are wanted: none where no finite value says where they lie.
    fn bins(&self, wishes: &StatsWishes) -> Option<Arc<Bins>> {
        let wish = wishes.histogram?;
        let (least, greatest) = wish.range.or(self.finite_range)?;
        Some(Arc::new(Bins::new(wish.bins, least, greatest)))
    }

    /// Learns what a pass has gathered.
    pub fn learn(&mut self, layer: &Layer, gather: Gather, total: TotalBand, wishes: &StatsWishes) {
        if gather.moments {
            self.ranks = ranks_of(&wishes.percentiles, self.moments.valid);
            self.search = Search::new(self.ranks.iter().flat_map(|rank| [rank.lower, rank.upper]));
            let value = |key| value_of_key(layer.data_type, key).as_f64();
            self.finite_range = self.moments.finite_extremes.map(|(least, greatest)| (value(least), value(greatest)));
        }
        if let (Some(digit), Some(counts)) = (gather.digit, &total.counts) {
            self.search.narrow(digit, counts);
            if gather.complete {
                self.learn_all(layer, counts, wishes);
            }
        }
        if let Some((bins, counts)) = total.histogram {
            self.histogram = Some((bins, counts.to_vec()));
        }
        if let Some(uniques) = total.uniques {
            self.uniques = (!uniques.is_exceeded()).then(|| uniques.sorted());
        }
    }

    /// Learns all that is wanted from how often each value occurs.
    fn learn_all(&mut self, layer: &Layer, counts: &[u64], wishes: &StatsWishes) {
        let occurring = || (0..).zip(counts).filter(|(_, count)| **count > 0).map(|(key, count)| (key, *count));
        if let Some(bins) = self.bins(wishes) {
            let mut sums = vec![0; bins.count() + 2];
            for (key, count) in occurring() {
                sums[bins.place(value_of_key(layer.data_type, key).as_f64())] += count;
            }
            self.histogram = Some((bins, sums));
        }
        if let Some(limit) = wishes.uniques
            && occurring().count() <= limit
        {
            let mut uniques = Vec::with_capacity(occurring().count());
            uniques.extend(occurring());
            self.uniques = Some(uniques);
        }
    }
}
