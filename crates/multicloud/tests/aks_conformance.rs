//! The AKS backend passes the suite of all backends, on the simulator.

mod aks_world;

use std::time::Instant;

use multicloud::conformance::SUITE;

use self::aks_world::Simulated;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms() {
    for scenario in SUITE {
        // A world of its own for each, so that the faults of one do not meet the next.
        let world = Simulated::start().await;
        let began = Instant::now();
        println!("{scenario:?} …");
        (scenario.run)(&world).await;
        println!("{scenario:?}: {:?}, {} requests", began.elapsed(), world.running.journal().len());
    }
}
