//! Says what came of its build.
fn main() {
    let sum: u32 = std::thread::scope(|scope| {
        let parts: Vec<_> = (0..8).map(|n| scope.spawn(move || part::square(n))).collect();
        parts.into_iter().map(|it| it.join().expect("no panic")).sum()
    });
    println!("{sum} {}", include_str!(concat!(env!("OUT_DIR"), "/said")));
}
