package app.noren.app

import android.annotation.SuppressLint
import android.app.PendingIntent
import android.content.BroadcastReceiver
import android.content.Context
import android.content.Intent
import android.os.Build
import app.noren.Geofences
import app.noren.core.WatchedRegion
import com.google.android.gms.location.Geofence
import com.google.android.gms.location.GeofencingEvent
import com.google.android.gms.location.GeofencingRequest
import com.google.android.gms.location.LocationServices
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.launch

/** Regions that Play services watch. On a phone without them nothing is watched: the codes check in. */
class PlayGeofences(private val app: Context) : Geofences {
    private val client = LocationServices.getGeofencingClient(app)
    private val crossings = RegionReceiver.broadcast(app, RegionReceiver.CROSSED)

    override fun add(regions: List<WatchedRegion>, refresh: WatchedRegion?) {
        // A place is entered also when the phone stands in it already; the region around the phone is only left.
        val places = regions.map { geofence(it, Geofence.GEOFENCE_TRANSITION_ENTER or Geofence.GEOFENCE_TRANSITION_EXIT) }
        register(places, GeofencingRequest.INITIAL_TRIGGER_ENTER)
        register(listOfNotNull(refresh).map { geofence(it, Geofence.GEOFENCE_TRANSITION_EXIT) }, 0)
    }

    override fun remove(ids: List<String>) {
        client.removeGeofences(ids)
    }

    @SuppressLint("MissingPermission") // Without it the task fails, and there is nothing to watch.
    private fun register(fences: List<Geofence>, first: Int) {
        if (fences.isEmpty()) return
        client.addGeofences(GeofencingRequest.Builder().setInitialTrigger(first).addGeofences(fences).build(), crossings)
    }

    private fun geofence(region: WatchedRegion, transitions: Int): Geofence = Geofence.Builder()
        .setRequestId(region.id)
        .setCircularRegion(region.latDeg, region.lonDeg, region.radiusM.toFloat())
        .setExpirationDuration(Geofence.NEVER_EXPIRE)
        .setTransitionTypes(transitions)
        .build()
}

/** Crossings, fixes, and the restart of the phone, which forgets every region. */
class RegionReceiver : BroadcastReceiver() {
    override fun onReceive(context: Context, intent: Intent) {
        val result = goAsync()
        CoroutineScope(Dispatchers.Default).launch {
            try {
                val watcher = Core.watcher(context)
                when (intent.action) {
                    CROSSED -> GeofencingEvent.fromIntent(intent)?.takeIf { !it.hasError() }?.let { event ->
                        val ids = event.triggeringGeofences.orEmpty().map { it.requestId }
                        watcher.crossed(ids, event.geofenceTransition == Geofence.GEOFENCE_TRANSITION_ENTER, event.triggeringLocation)
                    }
                    FIXES -> watcher.located(intent)
                    Intent.ACTION_BOOT_COMPLETED -> watcher.start()
                }
            } finally {
                result.finish()
            }
        }
    }

    companion object {
        const val CROSSED = "app.noren.CROSSED"
        const val FIXES = "app.noren.FIXES"

        /** Mutable: the system writes into it what it saw. It names this class, which other apps cannot call. */
        fun broadcast(app: Context, action: String): PendingIntent {
            val intent = Intent(app, RegionReceiver::class.java).setAction(action)
            val mutable = if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) PendingIntent.FLAG_MUTABLE else 0
            return PendingIntent.getBroadcast(app, 0, intent, PendingIntent.FLAG_UPDATE_CURRENT or mutable)
        }
    }
}
