//! The figures, each beside its limit and its goal.

/// Whether a smaller or a larger ratio is better.
#[derive(Debug, Clone, Copy)]
pub enum Better {
    Lower,
    Higher,
}

struct Row {
    what: String,
    service: f64,
    limit: f64,
    unit: &'static str,
    goal: Option<(Better, f64)>,
}

#[derive(Default)]
pub struct Table(Vec<Row>);

impl Table {
    /// A figure of the service and of its limit; the goal is for the ratio of the two.
    pub fn add(
        &mut self,
        what: impl Into<String>,
        service: f64,
        limit: f64,
        unit: &'static str,
        goal: Option<(Better, f64)>,
    ) {
        let row = Row { what: what.into(), service, limit, unit, goal };
        println!("{}", row.line());
        self.0.push(row);
    }

    pub fn print(&self) {
        println!(
            "\n{:<44} {:>12} {:>12} {:<14} {:>7}  goal",
            "what", "service", "limit", "unit", "ratio"
        );
        for row in &self.0 {
            println!("{}", row.line());
        }
    }
}

impl Row {
    fn line(&self) -> String {
        let ratio = self.service / self.limit;
        let goal = match self.goal {
            None => String::new(),
            Some((better, goal)) => {
                let (sign, met) = match better {
                    Better::Lower => ("<=", ratio <= goal),
                    Better::Higher => (">=", ratio >= goal),
                };
                format!("{sign} {goal:.2} {}", if met { "met" } else { "MISSED" })
            }
        };
        // Of nothing there is no ratio.
        let ratio = if self.limit > 0.0 { format!("{ratio:.2}") } else { "-".to_owned() };
        format!(
            "{:<44} {:>12.2} {:>12.2} {:<14} {ratio:>7}  {goal}",
            self.what, self.service, self.limit, self.unit
        )
    }
}

/// The middle one of some figures.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The value below which this share of the values lies.
pub fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let index = ((values.len() as f64) * share) as usize;
    values.get(index.min(values.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}
