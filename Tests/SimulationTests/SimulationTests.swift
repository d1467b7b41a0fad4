import Testing

@testable import Simulation

@Suite struct SimulationTests {
    @Test func `the same seed does the same twice`() {
        for seed in UInt64(1)...3 {
            let one = Simulation.run(.drawn(seed: seed, faultTime: .seconds(10)))
            let other = Simulation.run(.drawn(seed: seed, faultTime: .seconds(10)))
            #expect(one == other)
        }
    }
}
