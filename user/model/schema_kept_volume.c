/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Volumes of pods, which are only kept. Those of storage vendors are taken as they come. */
#include "model/schema_kept.h"

static const struct bl_field host_path_fields[] = {
	BL_KEEP("path", STRING),
	BL_KEEP("type", STRING),
};
static const struct bl_type host_path = BL_KEPT_TYPE("HostPathVolumeSource", host_path_fields);

static const struct bl_field empty_dir_fields[] = {
	BL_KEEP("medium", STRING),
	BL_KEEP("sizeLimit", QUANTITY),
};
static const struct bl_type empty_dir = BL_KEPT_TYPE("EmptyDirVolumeSource", empty_dir_fields);

static const struct bl_field key_to_path_fields[] = {
	BL_KEEP("key", STRING),
	BL_KEEP("path", STRING),
	BL_KEEP("mode", INT),
};
static const struct bl_type key_to_path = BL_KEPT_TYPE("KeyToPath", key_to_path_fields);

static const struct bl_field secret_fields[] = {
	BL_KEEP("secretName", STRING),
	BL_KEEP_LIST("items", key_to_path, NULL, NULL),
	BL_KEEP("defaultMode", INT),
	BL_KEEP("optional", BOOL),
};
static const struct bl_type secret = BL_KEPT_TYPE("SecretVolumeSource", secret_fields);

static const struct bl_field config_map_fields[] = {
	BL_KEEP("name", STRING),
	BL_KEEP_LIST("items", key_to_path, NULL, NULL),
	BL_KEEP("defaultMode", INT),
	BL_KEEP("optional", BOOL),
};
static const struct bl_type config_map = BL_KEPT_TYPE("ConfigMapVolumeSource", config_map_fields);

static const struct bl_field downward_item_fields[] = {
	BL_KEEP("path", STRING),
	BL_KEEP_ATOM("fieldRef", bl_kept_object_field),
	BL_KEEP_ATOM("resourceFieldRef", bl_kept_resource_field),
	BL_KEEP("mode", INT),
};
static const struct bl_type downward_item =
	BL_KEPT_TYPE("DownwardAPIVolumeFile", downward_item_fields);

static const struct bl_field downward_fields[] = {
	BL_KEEP_LIST("items", downward_item, NULL, NULL),
	BL_KEEP("defaultMode", INT),
};
static const struct bl_type downward = BL_KEPT_TYPE("DownwardAPIVolumeSource", downward_fields);

static const struct bl_field nfs_fields[] = {
	BL_KEEP("server", STRING),
	BL_KEEP("path", STRING),
	BL_KEEP("readOnly", BOOL),
};
static const struct bl_type nfs = BL_KEPT_TYPE("NFSVolumeSource", nfs_fields);

static const struct bl_field claim_fields[] = {
	BL_KEEP("claimName", STRING),
	BL_KEEP("readOnly", BOOL),
};
static const struct bl_type claim = BL_KEPT_TYPE("PersistentVolumeClaimVolumeSource", claim_fields);

static const struct bl_field csi_fields[] = {
	BL_KEEP("driver", STRING),
	BL_KEEP("readOnly", BOOL),
	BL_KEEP("fsType", STRING),
	BL_KEEP("volumeAttributes", PAIRS),
	BL_KEEP_ATOM("nodePublishSecretRef", bl_kept_local_ref),
};
static const struct bl_type csi = BL_KEPT_TYPE("CSIVolumeSource", csi_fields);

static const struct bl_field image_fields[] = {
	BL_KEEP("reference", STRING),
	BL_KEEP("pullPolicy", STRING),
};
static const struct bl_type image = BL_KEPT_TYPE("ImageVolumeSource", image_fields);

static const struct bl_field git_repo_fields[] = {
	BL_KEEP("repository", STRING),
	BL_KEEP("revision", STRING),
	BL_KEEP("directory", STRING),
};
static const struct bl_type git_repo = BL_KEPT_TYPE("GitRepoVolumeSource", git_repo_fields);

static const struct bl_field projection_fields[] = {
	BL_KEEP("name", STRING),
	BL_KEEP_LIST("items", key_to_path, NULL, NULL),
	BL_KEEP("optional", BOOL),
};
static const struct bl_type secret_projection = BL_KEPT_TYPE("SecretProjection", projection_fields);
static const struct bl_type config_map_projection =
	BL_KEPT_TYPE("ConfigMapProjection", projection_fields);

static const struct bl_field downward_projection_fields[] = {
	BL_KEEP_LIST("items", downward_item, NULL, NULL),
};
static const struct bl_type downward_projection =
	BL_KEPT_TYPE("DownwardAPIProjection", downward_projection_fields);

static const struct bl_field token_fields[] = {
	BL_KEEP("audience", STRING),
	BL_KEEP("expirationSeconds", LONG),
	BL_KEEP("path", STRING),
};
static const struct bl_type token = BL_KEPT_TYPE("ServiceAccountTokenProjection", token_fields);

static const struct bl_field trust_fields[] = {
	BL_KEEP("name", STRING),
	BL_KEEP("signerName", STRING),
	BL_KEEP_ATOM("labelSelector", bl_kept_label_selector),
	BL_KEEP("optional", BOOL),
	BL_KEEP("path", STRING),
};
static const struct bl_type trust = BL_KEPT_TYPE("ClusterTrustBundleProjection", trust_fields);

static const struct bl_field source_fields[] = {
	BL_KEEP_MAP("secret", secret_projection),
	BL_KEEP_MAP("downwardAPI", downward_projection),
	BL_KEEP_MAP("configMap", config_map_projection),
	BL_KEEP_MAP("serviceAccountToken", token),
	BL_KEEP_MAP("clusterTrustBundle", trust),
	BL_KEEP("podCertificate", MAP),
};
static const struct bl_type projected_source = BL_KEPT_TYPE("VolumeProjection", source_fields);

static const struct bl_field projected_fields[] = {
	BL_KEEP_LIST("sources", projected_source, NULL, NULL),
	BL_KEEP("defaultMode", INT),
};
static const struct bl_type projected = BL_KEPT_TYPE("ProjectedVolumeSource", projected_fields);

static const struct bl_field claim_template_fields[] = {
	BL_KEEP_MAP("metadata", bl_type_meta),
	BL_KEEP("spec", MAP),
};
static const struct bl_type claim_template =
	BL_KEPT_TYPE("PersistentVolumeClaimTemplate", claim_template_fields);

static const struct bl_field ephemeral_fields[] = {
	BL_KEEP_MAP("volumeClaimTemplate", claim_template),
};
static const struct bl_type ephemeral = BL_KEPT_TYPE("EphemeralVolumeSource", ephemeral_fields);

static const struct bl_field volume_fields[] = {
	BL_KEEP("name", STRING),
	BL_KEEP_MAP("hostPath", host_path),
	BL_KEEP_MAP("emptyDir", empty_dir),
	BL_KEEP("gcePersistentDisk", MAP),
	BL_KEEP("awsElasticBlockStore", MAP),
	BL_KEEP_MAP("gitRepo", git_repo),
	BL_KEEP_MAP("secret", secret),
	BL_KEEP_MAP("nfs", nfs),
	BL_KEEP("iscsi", MAP),
	BL_KEEP("glusterfs", MAP),
	BL_KEEP_MAP("persistentVolumeClaim", claim),
	BL_KEEP("rbd", MAP),
	BL_KEEP("flexVolume", MAP),
	BL_KEEP("cinder", MAP),
	BL_KEEP("cephfs", MAP),
	BL_KEEP("flocker", MAP),
	BL_KEEP_MAP("downwardAPI", downward),
	BL_KEEP("fc", MAP),
	BL_KEEP("azureFile", MAP),
	BL_KEEP_MAP("configMap", config_map),
	BL_KEEP("vsphereVolume", MAP),
	BL_KEEP("quobyte", MAP),
	BL_KEEP("azureDisk", MAP),
	BL_KEEP("photonPersistentDisk", MAP),
	BL_KEEP_MAP("projected", projected),
	BL_KEEP("portworxVolume", MAP),
	BL_KEEP("scaleIO", MAP),
	BL_KEEP("storageos", MAP),
	BL_KEEP_MAP("csi", csi),
	BL_KEEP_MAP("ephemeral", ephemeral),
	BL_KEEP_MAP("image", image),
};
const struct bl_type bl_kept_volume = BL_KEPT_TYPE("Volume", volume_fields);
