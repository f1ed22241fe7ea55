#if canImport(CoreLocation) && os(iOS)
    import CoreLocation
    import Foundation
    import UIKit

    /// Core Location for ``NorenApp/follow(_:)``: registers the regions that check-in asks for, and tells it what the system sees. What that means
    /// is decided by the core. Nothing of where the phone is leaves it.
    ///
    /// Make one at every launch, in `application(_:didFinishLaunchingWithOptions:)`: the system launches the app for a region, and tells only a
    /// manager that is there. Without the permission it does nothing; the place's code and the code of a receipt check in all the same.
    ///
    /// Info.plist has `NSLocationWhenInUseUsageDescription`, `NSLocationAlwaysAndWhenInUseUsageDescription` and `UIBackgroundModes` with `location`.
    /// Regions, visits and significant changes need "Always" and precise location. When to ask for them is the app's to choose: never on a drive.
    @MainActor
    public final class RegionWatcher: NSObject, CLLocationManagerDelegate {
        /// Tells the core's regions from the app's own.
        nonisolated private static let prefix = "app.noren/"
        /// What the core calls the region around the phone.
        nonisolated private static let refreshId = "noren:refresh"
        /// At most so many are kept while the core cannot take them; the oldest go first.
        private static let most = 500

        private let noren: NorenApp
        private let manager = CLLocationManager()
        private let told: @MainActor (CheckInReport) async -> Void
        private var waiting: [Observation] = []
        private var running = false
        /// The seconds that the system gives to an app behind.
        private var time = UIBackgroundTaskIdentifier.invalid
        /// The refresh region was left: said to the core after the next fix, so that it chooses anew around where the phone is now.
        private var leftRefresh = false
        private var latest: CLLocationCoordinate2D?

        /// - Parameter told: what followed, on the main actor, such as new check-ins with their silent notices. The files stay open for as long as
        ///   it takes, at most the seconds that the system gives.
        public init(noren: NorenApp, told: @escaping @MainActor (CheckInReport) async -> Void) {
            self.noren = noren
            self.told = told
            super.init()
            manager.delegate = self
            manager.activityType = .automotiveNavigation
            manager.pausesLocationUpdatesAutomatically = false
            forgetRegionsOfAnotherBoot()
        }

        /// Watches from now on: at launch, and once the permission was given.
        public func start() {
            guard [.authorizedAlways, .authorizedWhenInUse].contains(manager.authorizationStatus) else { return }
            if manager.authorizationStatus == .authorizedAlways {
                manager.allowsBackgroundLocationUpdates = true
                manager.startMonitoringVisits()
                manager.startMonitoringSignificantLocationChanges()
            }
            // The first regions are chosen around a fix.
            manager.requestLocation()
        }

        /// A person opened the app: the report says what is missing for a check-in, if it is not one.
        public func opened() { take([.opened(atMs: Self.nowMs())]) }

        /// Watches nothing any more: the member was forgotten, or does not want it.
        public func stop() {
            manager.stopUpdatingLocation()
            manager.stopMonitoringVisits()
            manager.stopMonitoringSignificantLocationChanges()
            ours.forEach(manager.stopMonitoring)
        }

        // MARK: What the system says

        nonisolated public func locationManager(_: CLLocationManager, didUpdateLocations locations: [CLLocation]) {
            let (fixes, last) = (locations.map(Self.fix), locations.last?.coordinate)
            MainActor.assumeIsolated {
                latest = last
                take(fixes + refreshLeft())
            }
        }

        /// Every crossing, and the answer to `requestState`.
        nonisolated public func locationManager(_: CLLocationManager, didDetermineState state: CLRegionState, for region: CLRegion) {
            let id = region.identifier
            MainActor.assumeIsolated { crossed(id, state) }
        }

        nonisolated public func locationManager(_ manager: CLLocationManager, didStartMonitoringFor region: CLRegion) {
            guard let circle = region as? CLCircularRegion, circle.identifier != Self.prefix + Self.refreshId else { return }
            // iOS tells of a crossing only: a phone that is in it already would not have entered it.
            if let here = manager.location?.coordinate, circle.contains(here) { manager.requestState(for: circle) }
        }

        nonisolated public func locationManager(_: CLLocationManager, didVisit visit: CLVisit) {
            let nowMs = Self.nowMs()
            // A visit that began before the system watched has no beginning; one that goes on has no end.
            guard visit.arrivalDate != Date.distantPast else { return }
            let until = visit.departureDate == Date.distantFuture ? nowMs : Self.ms(visit.departureDate)
            let seen = Observation.osVisit(
                latDeg: visit.coordinate.latitude, lonDeg: visit.coordinate.longitude, accuracyM: visit.horizontalAccuracy,
                arrivedMs: Self.ms(visit.arrivalDate), untilMs: until)
            MainActor.assumeIsolated { take([seen]) }
        }

        nonisolated public func locationManagerDidChangeAuthorization(_: CLLocationManager) {
            MainActor.assumeIsolated { start() }
        }

        /// No fix now: the regions are chosen anew all the same, around the last one.
        nonisolated public func locationManager(_: CLLocationManager, didFailWithError _: any Error) {
            MainActor.assumeIsolated { take(refreshLeft()) }
        }

        private func crossed(_ identifier: String, _ state: CLRegionState) {
            guard identifier.hasPrefix(Self.prefix), state != .unknown else { return }
            let id = String(identifier.dropFirst(Self.prefix.count))
            if id == Self.refreshId {
                guard state == .outside else { return }
                leftRefresh = true
                manager.requestLocation()
                return
            }
            let nowMs = Self.nowMs()
            take([state == .inside ? .regionEntered(id: id, atMs: nowMs) : .regionLeft(id: id, atMs: nowMs)])
        }

        private func refreshLeft() -> [Observation] {
            defer { leftRefresh = false }
            return leftRefresh ? [.regionLeft(id: Self.refreshId, atMs: Self.nowMs())] : []
        }

        // MARK: What the core says

        /// In the order in which it came, one call at a time. What the core could not take waits for the next.
        private func take(_ seen: [Observation]) {
            waiting = Array((waiting + seen).suffix(Self.most))
            guard !running, !waiting.isEmpty else { return }
            running = true
            time = UIApplication.shared.beginBackgroundTask { [weak self] in self?.endTime() }
            Task {
                await deliver()
                running = false
                endTime()
            }
        }

        private func endTime() {
            UIApplication.shared.endBackgroundTask(time)
            time = .invalid
        }

        private func deliver() async {
            do {
                // The files are closed while the app is behind: see NorenApp.pause().
                try await noren.resume()
                while !waiting.isEmpty {
                    let batch = waiting
                    waiting = []
                    do {
                        await apply(try await noren.follow(batch))
                    } catch NorenError.CheckIn(error: .NotEnrolled) {
                        // There is no member whose check-in it could be.
                    } catch {
                        waiting = Array((batch + waiting).suffix(Self.most))
                        throw error
                    }
                }
            } catch {
                // The phone is locked or its disk is full: nothing was taken, and the next observation brings these along.
            }
            guard UIApplication.shared.applicationState == .background else { return }
            try? await noren.pause()
            // It came to the front meanwhile.
            if UIApplication.shared.applicationState != .background { try? await noren.resume() }
        }

        private func apply(_ report: CheckInReport) async {
            if let plan = report.regions { register(plan) }
            manager.desiredAccuracy = report.needsFixes ? kCLLocationAccuracyBest : kCLLocationAccuracyHundredMeters
            if report.needsFixes { manager.startUpdatingLocation() } else { manager.stopUpdatingLocation() }
            await told(report)
            guard report.areaDue, let latest else { return }
            do {
                try await noren.refreshPlaces(latDeg: latest.latitude, lonDeg: latest.longitude)
                try await noren.refreshCoupons()
            } catch {
                // Without a network it stays due: the core says when to try again.
            }
        }

        private func register(_ plan: RegionPlan) {
            let gone = Set(plan.remove.map { Self.prefix + $0 })
            ours.filter { gone.contains($0.identifier) }.forEach(manager.stopMonitoring)
            for place in plan.add { manager.startMonitoring(for: region(place)) }
            guard let refresh = plan.refresh.map(region) else { return }
            refresh.notifyOnEntry = false
            manager.startMonitoring(for: refresh)
        }

        private func region(_ watched: WatchedRegion) -> CLCircularRegion {
            let centre = CLLocationCoordinate2D(latitude: watched.latDeg, longitude: watched.lonDeg)
            let radius = min(watched.radiusM, manager.maximumRegionMonitoringDistance)
            return CLCircularRegion(center: centre, radius: radius, identifier: Self.prefix + watched.id)
        }

        private var ours: [CLRegion] { manager.monitoredRegions.filter { $0.identifier.hasPrefix(Self.prefix) } }

        /// After a restart of the phone the core takes nothing for registered, while iOS still has them all: both begin anew.
        private func forgetRegionsOfAnotherBoot() {
            let key = "app.noren.watched-boot"
            guard UserDefaults.standard.string(forKey: key) != bootSession() else { return }
            ours.forEach(manager.stopMonitoring)
            UserDefaults.standard.set(bootSession(), forKey: key)
        }

        nonisolated private static func fix(_ location: CLLocation) -> Observation {
            .fix(
                latDeg: location.coordinate.latitude, lonDeg: location.coordinate.longitude, atMs: ms(location.timestamp), bootMs: nil,
                accuracyM: location.horizontalAccuracy, speedMps: location.speed,
                mock: location.sourceInformation?.isSimulatedBySoftware ?? false)
        }

        nonisolated private static func ms(_ date: Date) -> Int64 { Int64(date.timeIntervalSince1970 * 1_000) }

        nonisolated private static func nowMs() -> Int64 { ms(Date()) }
    }
#endif
